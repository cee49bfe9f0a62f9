#!/usr/bin/env python3
"""Uploads to `streamgate serve` by the tus project's own client (npm): interrupted on both sides, resumed, byte for byte.

    uploads_test.py STREAMGATE CACHE_FOLDER

Ends with 77 (skipped) where node or the package cannot be had.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "service"))
from plain_server import PlainServer, until
from npm_packages import packages

BYTES = 24 << 20
CHUNK = 1 << 20


class Sender:
    started = []

    def __init__(self, modules, server, file, stop=0, url=""):
        self.process = subprocess.Popen(
            ["node", here / "send.mjs", modules, server.url("/v1/uploads"), file, str(CHUNK), str(stop), url],
            stdout=subprocess.PIPE, text=True, bufsize=1)
        self.started.append(self.process)
        self.lines = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def sent(self):
        return max((line.get("sent", 0) for line in self.lines), default=0)

    def url(self):
        return next((line["url"] for line in self.lines if line.get("url")), "")

    def finish(self):
        assert self.process.wait(120) == 0, self.lines[-3:]
        assert until(lambda: self.lines and self.lines[-1].get("done")), self.lines[-3:]


def main(binary, cache):
    modules = packages(here, cache)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.mov"
        file.write_bytes(os.urandom(BYTES))
        server = PlainServer(binary, folder)
        try:
            # The client is killed and another one goes on.
            first = Sender(modules, server, file, stop=4 * CHUNK)
            until(lambda: first.sent() > 4 * CHUNK)
            first.process.kill()
            url = first.url()
            path = url[url.index("/v1/"):]
            status, upload = server.call("GET", path)
            assert status == 200 and upload["state"] == "open" and upload["offset"] >= 3 * CHUNK, upload
            second = Sender(modules, server, file, url=url)
            second.finish()
            status, upload = server.call("GET", path)
            assert upload["state"] == "finished" and upload["name"] == "film one.mov", upload
            stored = Path(folder) / "data" / "uploads" / upload["id"]
            assert stored.read_bytes() == file.read_bytes(), "the bytes differ"

            # The service is killed under the client, which goes on by itself.
            third = Sender(modules, server, file, stop=4 * CHUNK)
            until(lambda: third.sent() > 4 * CHUNK)
            server.kill()
            server.start()
            third.process.send_signal(signal.SIGCONT)
            third.finish()
            url = third.url()
            status, upload = server.call("GET", url[url.index("/v1/"):])
            assert upload["state"] == "finished", upload
            stored = Path(folder) / "data" / "uploads" / upload["id"]
            assert stored.read_bytes() == file.read_bytes(), "the bytes differ after the kill"
        finally:
            for sender in Sender.started:
                sender.kill()  # also where it stopped itself
            server.stop()
    print("resumed on both sides")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
