#!/usr/bin/env python3
"""The API of jobs under load: get and list over many stored jobs, durable submits; the load generator stands beside it.

Needs wrk (Debian package). The worker is drained: nothing is encoded meanwhile. Prints requests a second, latencies
and errors.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from machine import describe

ROOT = Path(__file__).resolve().parent.parent
STATES = ["urgent", "high", "normal", "low", "bulk"]

GET = """
local ids = {{}}
for line in io.lines("{ids}") do ids[#ids + 1] = line end
local at = 0
function init(args) math.randomseed(tonumber("{seed}")) end
function request()
  return wrk.format("GET", "/v1/jobs/" .. ids[math.random(#ids)])
end
"""

LIST = """
local pages = {{ {pages} }}
local at = 0
function request()
  at = at % #pages + 1
  return wrk.format("GET", pages[at])
end
"""

SUBMIT = """
local at = 0
function request()
  at = at + 1
  local body = '{{"inputs":["{film}"],"preset":"web-hd","external_id":"load-' .. at .. '","tags":{{"batch":"load"}}}}'
  return wrk.format("POST", "/v1/jobs", {{ ["Content-Type"] = "application/json" }}, body)
end
"""

DONE = """
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %.3f %.3f %.3f %d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


class Service:
    def __init__(self, binary, folder):
        self.folder = Path(folder)
        media = self.folder / "media"
        media.mkdir()
        self.film = media / "film.mov"
        self.film.write_bytes(b"film")
        self.log = open(self.folder / "serve.log", "w")
        limits = [f"api.{who}.{what}=1000000" for who in ("per_key", "per_address") for what in ("per_second", "burst")]
        words = [word for setting in [f"jobs.roots=[{media}]", *limits] for word in ("--set", setting)]
        self.process = subprocess.Popen(
            [binary, "serve", "--rtmp", "off", "--srt", "off", "--http", "127.0.0.1:0", "--data", self.folder / "data",
             "--log-level", "warn", *words], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while True:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", (self.folder / "serve.log").read_text())
            if found:
                break
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("bench/api.py: serve did not start:\n" + (self.folder / "serve.log").read_text())
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{found[1]}"

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def seed(service, count):
    """Jobs of some variety; nine of ten have ended."""
    worker = service.ask("GET", "/v1/workers")["items"][0]["name"]
    service.ask("POST", f"/v1/workers/{worker}/drain")
    ids = []
    while len(ids) < count:
        documents = [
            {"inputs": [str(service.film)], "preset": random.choice(["web-hd", "mobile"]), "external_id": f"seed-{len(ids) + i}",
             "priority": random.choice(STATES), "tags": {"customer": str(random.randrange(100)), "keep": str((len(ids) + i) % 10)}}
            for i in range(min(1000, count - len(ids)))]
        results = service.ask("POST", "/v1/jobs/batch", {"jobs": documents})["results"]
        ids += [result["id"] for result in results]
    for kept in range(1, 10):
        cursor = None
        while True:
            body = {"filter": {"tag": f"keep:{kept}"}}
            if cursor:
                body["cursor"] = cursor
            cursor = service.ask("POST", "/v1/jobs/cancel", body)["next_cursor"]
            if not cursor:
                break
    return ids


def load(folder, name, script, url, seconds, connections):
    path = Path(folder) / f"{name}.lua"
    path.write_text(script + DONE)
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", path, url], check=True, capture_output=True, text=True).stdout
    requests, duration, p50, p95, p99, errors = re.search(r"RESULT (\S+) (\S+) (\S+) (\S+) (\S+) (\S+)", out).groups()
    rate = int(requests) / (int(duration) / 1e6)
    print(f"{name:14s} {rate:9.0f} requests/s   p50 {float(p50):7.2f} ms   p95 {float(p95):7.2f} ms   p99 {float(p99):7.2f} ms   {errors} errors", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", nargs="?", default=ROOT / "build/release/streamgate")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    print(describe())
    random.seed(1)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        service = Service(options.binary, folder)
        try:
            begun = time.monotonic()
            ids = seed(service, options.jobs)
            print(f"seeded {len(ids)} jobs in {time.monotonic() - begun:.1f} s, nine of ten ended")
            (Path(folder) / "ids").write_text("".join(f"{i}\n" for i in ids))
            pages = ["/v1/jobs?limit=20", "/v1/jobs?limit=20&state=queued", "/v1/jobs?limit=20&tag=customer:42", "/v1/jobs?limit=20&state=cancelled"]
            cursor = service.ask("GET", "/v1/jobs?limit=1000")["next_cursor"]
            pages.append(f"/v1/jobs?limit=20&cursor={service.ask('GET', '/v1/jobs?limit=1000&cursor=' + cursor)['next_cursor']}")
            shown = ", ".join(f'"{page}"' for page in pages)
            run = (options.seconds, options.connections)
            load(folder, "get", GET.format(ids=Path(folder) / "ids", seed=1), service.url, *run)
            load(folder, "list of 20", LIST.format(pages=shown), service.url, *run)
            load(folder, "submit", SUBMIT.format(film=service.film), service.url, *run)
        finally:
            service.stop()


if __name__ == "__main__":
    main()
