"""`streamgate serve` for tests of the job service: started on free ports, spoken to with curl."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

# A ladder of two small rungs that a busy machine encodes in seconds.
FAST = {
    "video.speed": "ultrafast",
    "video.gop": "1s",
    "video.chunk": "2s",
    "packaging.segment": "2s",
    "video.ladder": "[{name: small, width: 160, height: 90}, {name: tiny, width: 80, height: 46}]",
}


class Failed(Exception):
    pass


def until(what, check, seconds=60):
    """Polls: nothing here depends on how fast the machine is."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


class Server:
    started = []

    def __init__(self, binary, folder, *flags, env=None, data="data"):
        self.binary, self.folder, self.flags, self.data = Path(binary).resolve(), Path(folder), flags, Path(folder) / data
        self.env = dict(os.environ, **(env or {}))
        self.key = None
        self.port = 0
        self.log = self.folder / "serve.log"
        self.start()

    def start(self):
        begin = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--rtmp", "off", "--srt", "off", "--http", f"127.0.0.1:{self.port}",
                 "--data", str(self.data), "--set", "jobs.slots=2", *self.flags],
                stderr=log, stdout=log, cwd=self.folder, env=self.env)
        if self not in Server.started:
            Server.started.append(self)

        def listens():
            if self.process.poll() is not None:
                raise Failed(f"serve ended with {self.process.returncode}:\n{self.text()[begin:]}")
            return re.search(r"http://127\.0\.0\.1:(\d+)", self.text()[begin:])

        self.port = int(until("serve listens", listens)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, number=signal.SIGTERM, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def curl(self, method, path, body=None, *more, key=None, seconds=60):
        """An answer of any status."""
        out = self.folder / "answer.body"
        out.write_bytes(b"")
        words = ["curl", "-sS", "--max-time", str(seconds), "-X", method, "-D", "-", "-o", str(out), self.url + path, *more]
        if method == "HEAD":
            words[words.index("-X"):words.index("-X") + 2] = ["-I"]
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            words += ["--data-binary", "@-"]
            if not any("Content-Type" in word for word in more):
                words += ["-H", "Content-Type: application/json"]
        key = key or self.key
        if key:
            words += ["-H", f"Authorization: Bearer {key}"]
        done = subprocess.run(words, input=(text if body is not None else "").encode(), capture_output=True, timeout=seconds + 10)
        if done.returncode != 0:
            raise Failed(f"curl {method} {path}: {done.stderr.decode()}")
        head = done.stdout.decode().strip().split("\r\n\r\n")[-1].splitlines()
        headers = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(int(head[0].split()[1]), headers, out.read_bytes())

    def ok(self, method, path, body=None, *more, **options):
        answer = self.curl(method, path, body, *more, **options)
        if not 200 <= answer.status < 300:
            raise Failed(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')[:2000]}")
        return answer

    def submit(self, film, *more, **members):
        document = {"inputs": [{"uri": str(film)}], "preset": "mobile", "set": FAST, **members}
        return self.ok("POST", "/v1/jobs", document, *more).json()["id"]

    def job(self, job):
        return self.ok("GET", f"/v1/jobs/{job}").json()

    def state(self, job):
        return self.job(job)["state"]

    def wait(self, job, *states, seconds=300):
        states = states or ("succeeded", "failed", "cancelled")
        until(f"{job} becomes {states}", lambda: self.state(job) in states, seconds)
        return self.job(job)

    def cli(self, *words, check=None, **options):
        """A command of ours that speaks to this server."""
        env = dict(self.env, STREAMGATE_SERVER=self.url)
        if self.key:
            env["STREAMGATE_API_KEY"] = self.key
        done = subprocess.run([self.binary, *words], capture_output=True, text=True, cwd=self.folder, env=env, timeout=180, **options)
        if check is not None and done.returncode != check:
            raise Failed(f"{words}: exit {done.returncode}, not {check}\n{done.stdout}\n{done.stderr}")
        return done


def make_film(path, seconds=8, size="320x180", rate=24, tone=440):
    """Moving pictures with sound."""
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}:d={seconds}",
         "-f", "lavfi", "-i", f"sine=f={tone}:d={seconds}", "-c:v", "libx264", "-preset", "ultrafast", "-g", str(rate),
         "-c:a", "aac", "-b:a", "64k", str(path)], check=True)
    return path
