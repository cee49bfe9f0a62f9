#!/usr/bin/env python3
"""Viewers of `streamgate serve` in headless Chromium: hls.js with low latency on the server's own page, Shaka Player with low
latency, and dash.js. The publisher goes away and comes back; nobody may see a picture that stands still for longer than it was away.

    live_playback_test.py STREAMGATE CACHE_FOLDER [SECONDS_AWAY...]

Ends with 77 (skipped) where Chromium, node or the packages of npm cannot be had.
"""

import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "service"))
from rtmp_publisher import Publisher, Sender, make_film
from viewers import Server, Skip, Viewers

SKIPPED = 77
ATTEMPTS = 3
PLAYERS = ("hls.js", "dash.js", "shaka")
OUTAGES = (0.6, 3.0)
PLAYED = 9  # seconds before, between and after them
MARGIN = 1.0  # of a busy machine; and as much again for players to see what is new


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
    folder = Path(tempfile.mkdtemp(prefix="streamgate-browser-"))
    film = make_film(folder, "film")
    server = Server(binary, folder)
    viewers = None
    try:
        contributor = Contributor(server, film)
        time.sleep(4)
        viewers = Viewers(server, "seen", PLAYERS, cache, folder, 120)
        viewers.wait_started()
        outages = []
        time.sleep(PLAYED)
        for away in [float(a) for a in sys.argv[3:]] or OUTAGES:
            outages.append((away, gone := time.time(), gone + away))
            contributor.leave(away)
            time.sleep(PLAYED)
        problems = {name: judge(name, outages, viewers.seen[name], viewers.errors[name]) for name in PLAYERS}
        contributor.stop()
        if contributor.failed:
            problems["publisher"] = [str(contributor.failed)]
        return problems, folder
    finally:
        if viewers:
            viewers.stop()
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
