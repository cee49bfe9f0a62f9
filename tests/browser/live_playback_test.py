#!/usr/bin/env python3
"""Viewers of `streamgate serve` in headless Chromium: hls.js with low latency on the server's own page, and dash.js. The
publisher goes away and comes back; nobody may see a picture that stands still for longer than it was away.

    live_playback_test.py STREAMGATE CACHE_FOLDER [SECONDS_AWAY...]

Ends with 77 (skipped) where Chromium, node or the two packages of npm cannot be had.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "service"))
from rtmp_publisher import Publisher, Sender, make_film

SKIPPED = 77
ATTEMPTS = 3
PACKAGES = {  # never installed, nothing of them is run but what is named below
    "playwright-core": ("1.65.1", "86a3e9cfb6e548c3f1595768784d728814b35ec2a254e77693e9230af994cb00f618f3b60ddf477dc5a7abd34dd061db3590c5819f497c116bf97e7f04ba34ab"),
    "dashjs": ("5.2.1", "6b170998b78909324c2d47d0444ad4241d4a3a253988717e0cc2c173714a7a8c751cf62d1944250ba5e6e4c9babe10544770871cb20f3aac3424322a32d3fe0f"),
}
OUTAGES = (0.6, 3.0)
PLAYED = 9  # seconds before, between and after them
MARGIN = 1.0  # of a busy machine; and as much again for players to see what is new


class Skip(Exception):
    pass


def fetch(name, cache):
    """node_modules/NAME in `cache`, by npm where it is there, for its mirror and proxy settings."""
    version, wanted = PACKAGES[name]
    folder = cache / "node_modules" / name
    if (folder / "package.json").exists() and json.loads((folder / "package.json").read_text())["version"] == version:
        return folder
    archive = cache / f"{name}-{version}.tgz"
    cache.mkdir(parents=True, exist_ok=True)
    if shutil.which("npm"):
        try:
            subprocess.run(["npm", "pack", "--silent", "--fetch-retries=0", f"{name}@{version}"], cwd=cache, timeout=60, capture_output=True)
        except subprocess.TimeoutExpired:
            pass
    if not archive.exists():
        try:
            with urllib.request.urlopen(f"https://registry.npmjs.org/{name}/-/{name}-{version}.tgz", timeout=30) as answer:
                archive.write_bytes(answer.read())
        except OSError as error:
            raise Skip(f"{name} {version} cannot be fetched: {error}")
    found = hashlib.sha512(archive.read_bytes()).hexdigest()
    if found != wanted:
        archive.unlink()
        raise Skip(f"{name} {version} has another hash than it was published with: {found}")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(cache / "unpacked")
    folder.parent.mkdir(exist_ok=True)
    os.rename(cache / "unpacked" / "package", folder)
    archive.unlink()
    return folder


class Server:
    def __init__(self, binary, folder):
        self.path = folder / "serve.log"
        self.process = subprocess.Popen([binary, "serve", "--rtmp", "127.0.0.1:0", "--srt", "off", "--http", "127.0.0.1:0"], stderr=open(self.path, "w"), cwd=folder)
        deadline = time.monotonic() + 20
        while "http://" not in (text := self.path.read_text()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"the server did not start: {text}")
            time.sleep(0.05)
        self.rtmp = int(re.search(r"rtmp://[^:]*:(\d+)", text)[1])
        self.http = f"http://127.0.0.1:{re.search(r'http://[^:]*:([0-9]+)', text)[1]}"

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)


class Contributor(threading.Thread):
    """Publishes; leave(seconds) makes it drop its connection and come back with the next second of its film."""

    def __init__(self, server, film):
        super().__init__(daemon=True)
        self.server, self.film = server, film
        self.away = 0.0
        self.done = False
        self.failed = None
        self.start()

    def leave(self, seconds):
        self.away = seconds
        while self.away and self.is_alive():
            time.sleep(0.05)

    def stop(self):
        self.done = True
        self.join(10)

    def run(self):
        try:
            sender = Sender(Publisher(self.server.rtmp, "seen"), self.film)
            while not self.done:
                sender.run(sender.now_ms() + 100)
                if self.away:
                    at = int(sender.now_ms() / 1000 + 1) * 1000
                    sender.publisher.close()
                    time.sleep(self.away)
                    sender = Sender(Publisher(self.server.rtmp, "seen"), self.film, at)
                    self.away = 0.0
            sender.publisher.finish()
        except Exception as error:
            self.failed = error


def judge(name, outages, seen, errors):
    """What a viewer had to put up with."""
    problems = list(errors)
    if not seen or not seen[-1]["started"]:
        return problems + ["never played"]
    last = seen[-1]
    stalls = last["stalls"] + ([{"from": last["now"] - last["still"] * 1000, "seconds": last["still"]}] if last["still"] > 0.4 else [])
    for stall in stalls:
        begin, end = stall["from"] / 1000, stall["from"] / 1000 + stall["seconds"]
        # The buffer of a few seconds empties after the publisher went.
        allowed = max([away for away, gone, _ in outages if gone - 1 < end and begin < gone + away + 8], default=-MARGIN) + 2 * MARGIN
        if begin > last["started"] / 1000 + 1 and stall["seconds"] > allowed:
            problems.append(f"stood still for {stall['seconds']:.2f} s at {begin - last['started'] / 1000:.1f} s")
    latencies = [s["latency"] for s in seen if s["latency"]]
    limit = 4 if name == "hls.js" else 12
    if not latencies or latencies[-1] > limit:
        problems.append(f"latency at the end {latencies[-1:]}")
    if last["size"] != [640, 360]:
        problems.append(f"pictures of {last['size']}")
    stood = sum(s["seconds"] for s in stalls)
    first = min(latencies[2:], default=0)
    print(f"{name}: {last['frames']} pictures, stood still {[round(s['seconds'], 2) for s in stalls]}, {stood:.2f} s in all, latency {first:.2f} to {max(latencies[2:], default=0):.2f} s, {latencies[-1] if latencies else 0:.2f} s at the end")
    return problems


def play(binary, cache):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    node = shutil.which("node")
    if chromium is None or node is None:
        raise Skip("neither can be done without chromium and node (tools/setup browser)")
    dash = fetch("dashjs", cache) / "dist/modern/umd/dash.all.min.js"
    modules = fetch("playwright-core", cache).parent
    folder = Path(tempfile.mkdtemp(prefix="streamgate-browser-"))
    film = make_film(folder, "film")
    server = Server(binary, folder)
    watch = None
    try:
        with urllib.request.urlopen(server.http + "/player/hls.js") as answer:
            if len(answer.read()) < 10000:
                raise Skip("this build is without hls.js: it could not be fetched")
        contributor = Contributor(server, film)
        time.sleep(4)
        setup = {"modules": str(modules.parent), "chromium": chromium, "seconds": 120,
                 "pages": [{"name": "hls.js", "url": server.http + "/#live/seen"}, {"name": "dash.js", "script": str(dash), "manifest": server.http + "/live/seen/manifest.mpd"}]}
        (folder / "watch.json").write_text(json.dumps(setup))
        watch = subprocess.Popen([node, here / "watch.mjs", folder / "watch.json"], stdout=subprocess.PIPE, stderr=open(folder / "watch.log", "w"), text=True)
        seen = {page["name"]: [] for page in setup["pages"]}
        errors = {page["name"]: [] for page in setup["pages"]}

        def read():
            for line in watch.stdout:
                said = json.loads(line)
                if "error" in said or "refused" in said:
                    errors[said["page"]].append(str({k: v for k, v in said.items() if k != "page"}))
                else:
                    seen[said["page"]].append(said)

        threading.Thread(target=read, daemon=True).start()
        deadline = time.monotonic() + 25
        while time.monotonic() < deadline and not all(s and s[-1]["started"] for s in seen.values()):
            time.sleep(0.1)
        outages = []
        time.sleep(PLAYED)
        for away in [float(a) for a in sys.argv[3:]] or OUTAGES:
            outages.append((away, gone := time.time(), gone + away))
            contributor.leave(away)
            time.sleep(PLAYED)
        problems = {name: judge(name, outages, seen[name], errors[name]) for name in seen}
        contributor.stop()
        if contributor.failed:
            problems["publisher"] = [str(contributor.failed)]
        return problems, folder
    finally:
        if watch:
            watch.terminate()
            watch.wait(20)
        server.stop()


def main():
    # A busy machine makes a player wait, too: what is wrong is wrong again.
    for attempt in range(ATTEMPTS):
        try:
            problems, folder = play(sys.argv[1], Path(sys.argv[2]))
        except Skip as why:
            print(f"skipped: {why}")
            return SKIPPED
        if not any(problems.values()):
            break
        print(f"attempt {attempt + 1}: {problems}")
    for name, found in problems.items():
        for problem in found:
            print(f"FAIL  {name}: {problem}")
    if any(problems.values()):
        print(f"logs: {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
