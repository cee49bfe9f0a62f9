"""`streamgate serve` without live inputs, for tests and benchmarks of the API: on loopback, so without authentication."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path


class PlainServer:
    def __init__(self, binary, folder, config="", port=0):
        self.binary, self.folder, self.port = Path(binary).resolve(), Path(folder), port
        self.config = self.folder / "streamgate.yaml"
        self.config.write_text(config)
        self.process = None
        self.start()

    def start(self):
        log = open(self.folder / "serve.log", "w")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.config, "--rtmp", "off", "--srt", "off", "--http", f"127.0.0.1:{self.port}", "--data", self.folder / "data"],
            stderr=log, stdout=log, cwd=self.folder)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            text = (self.folder / "serve.log").read_text()
            found = re.search(r"http://[^:\s]*:(\d+)", text)
            if found:
                self.port = int(found[1])  # the same again after a kill
                try:
                    self.call("GET", "/v1/uploads")
                    return
                except OSError:
                    pass
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("the service did not start:\n" + (self.folder / "serve.log").read_text())

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def call(self, method, path, document=None, body=None, headers=None):
        """Status and answer; JSON is decoded."""
        headers = dict(headers or {})
        if document is not None:
            body, headers["Content-Type"] = json.dumps(document).encode(), "application/json"
        request = urllib.request.Request(self.url(path), data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
