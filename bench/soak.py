#!/usr/bin/env python3
"""Hours of what real contributors do, against `streamgate serve`: RTMP publishers that drop out and whose clocks jump, SRT
publishers through a relay that loses packets. Watches memory, channels that stand still, and holes that the input did not have.

    bench/soak.py STREAMGATE [--minutes 60] [--rtmp 8] [--srt 2] [--seed 1]
"""

import argparse
import random
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "service"))
from live_stream import fragments, get, parse, timescale
from rtmp_publisher import AUDIO, VIDEO, Publisher, Refused, Sender, make_film

STUCK = 12  # seconds without a new segment while its publisher sends
SEAM = 0.1  # seconds between segments that are no hole
LEAST = 0.3  # a hole must have a cause in the input up to this


class Relay(threading.Thread):
    """UDP to one port and back, with a share of the packets lost."""

    def __init__(self, port, loss):
        super().__init__(daemon=True)
        self.target, self.loss, self.dropped, self.passed = ("127.0.0.1", port), loss, 0, 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.backs = {}  # by sender, the newest last
        self.random = random.Random(port)
        self.start()

    def keep(self):
        lost = self.random.random() < self.loss
        self.dropped += lost
        self.passed += not lost
        return not lost

    def run(self):
        while True:
            ready, _, _ = select.select([self.front, *self.backs.values()], [], [])
            for each in ready:
                try:
                    if each is self.front:
                        data, sender = each.recvfrom(2048)
                        if sender not in self.backs:
                            if len(self.backs) >= 8:  # senders that left
                                self.backs.pop(next(iter(self.backs))).close()
                            self.backs[sender] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                            self.backs[sender].connect(self.target)
                        if self.keep():
                            self.backs[sender].send(data)
                    else:
                        data = each.recv(2048)
                        if self.keep():
                            self.front.sendto(data, next(s for s, b in self.backs.items() if b is each))
                except OSError:
                    pass  # the other side is away for the moment


class Contributor(threading.Thread):
    """`faults` are (from, to) of the wall clock in which what viewers get may have a hole."""

    def __init__(self, name, seed):
        super().__init__(daemon=True)
        self.name, self.random = name, random.Random(seed)
        self.done, self.faults, self.since, self.count = False, [], time.time(), {}

    def note(self, kind, begin):
        self.faults.append((begin, time.time()))
        self.count[kind] = self.count.get(kind, 0) + 1


class RtmpContributor(Contributor):
    def __init__(self, port, name, film, seed):
        super().__init__(name, seed)
        self.port, self.film = port, film
        self.offset = {AUDIO: 0, VIDEO: 0}
        self.start()

    def connect(self, at):
        while not self.done:
            try:
                sender = Sender(Publisher(self.port, self.name), self.film, at)
                sender.shift = lambda kind, when: max(0, when + self.offset.get(kind, 0))
                return sender
            except (Refused, OSError):
                time.sleep(0.3)  # the old connection still counts
        return None

    def run(self):
        sender, at = self.connect(0), 0
        while sender and not self.done:
            until = sender.now_ms() + self.random.uniform(4, 20) * 1000
            try:
                while sender.now_ms() < until and not self.done:
                    sender.run(sender.now_ms() + 200)
                begin = time.time()
                kind = self.random.choice(["away", "away", "reset", "ahead", "back", "hole", "sound apart", "headers"])
                if kind in ("away", "reset"):
                    at = int(sender.now_ms() / 1000 + 1) * 1000
                    sender.publisher.close(kind == "reset")
                    time.sleep(self.random.choice([0.05, 0.3, 0.8, 1.5, 4]))
                    self.offset = {AUDIO: 0, VIDEO: 0}
                    sender = self.connect(at)
                    self.since = time.time()
                elif kind == "headers":
                    sender.headers()
                    continue  # no excuse for anything
                else:
                    step = {"ahead": 500_000, "back": -int(sender.now_ms()), "hole": self.random.choice([400, 3000]), "sound apart": 0}[kind]
                    for track in self.offset:
                        self.offset[track] += step
                    if kind == "sound apart":
                        self.offset[AUDIO] += self.random.choice([-8000, 8000])
                self.note(kind, begin)
            except OSError:
                begin = time.time()
                sender = self.connect(int(sender.now_ms() / 1000 + 1) * 1000)
                self.note("refused", begin)


class SrtContributor(Contributor):
    def __init__(self, relay, name, path, seed):
        super().__init__(name, seed)
        self.relay, self.path = relay, path
        self.start()

    def run(self):
        self.faults.append((time.time(), time.time() + 3))  # a sound track that shows up late is a discontinuity
        while not self.done:
            url = f"srt://127.0.0.1:{self.relay.port}?streamid=live/{self.name}&latency=500000&pkt_size=1316"
            process = subprocess.Popen(["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", self.path, "-c", "copy", "-f", "mpegts", url], stderr=subprocess.DEVNULL)
            # The film's repetition is a hole of its own.
            until = time.time() + self.random.uniform(5, 15)
            while time.time() < until and not self.done and process.poll() is None:
                time.sleep(0.2)
            begin = time.time() - 1
            process.kill()
            process.wait()
            time.sleep(self.random.choice([0.3, 1.5]))
            self.note("away", begin)
            self.since = time.time() + 3


class Viewer:
    """Reads a channel's playlist again and again and looks at each segment once."""

    def __init__(self, http, contributor):
        self.base, self.contributor = f"{http}/live/{contributor.name}/", contributor
        self.seen, self.end, self.new_at, self.problems, self.inits = -1, None, time.time(), [], {}
        self.segments = self.discontinuities = 0

    def excused(self, begin, end):
        return any(f < end + 2 and t > begin - 2 for f, t in self.contributor.faults)

    def look(self):
        try:
            playlist = parse(get(self.base + "video/index.m3u8").decode())
        except OSError as error:
            playlist = None
            if time.time() - self.new_at > 2 * STUCK:
                self.problems.append(f"no playlist: {error}")
        for s in playlist.segments if playlist else []:
            if s.number <= self.seen:
                continue
            if self.seen >= 0 and s.number != self.seen + 1:
                self.problems.append(f"after segment {self.seen} comes {s.number}")
            self.seen, self.new_at = s.number, time.time()
            self.segments += 1
            self.discontinuities += s.discontinuity
            self.examine(s)
        still = time.time() - max(self.new_at, self.contributor.since)
        if still > STUCK:
            self.problems.append(f"no new segment for {still:.0f} s")
            self.new_at = time.time()

    def examine(self, s):
        where = f"segment {s.number}"
        begin, before = s.date, self.end
        self.end = s.date + s.duration
        if s.gap:
            if not self.excused(begin, self.end):
                self.problems.append(f"{where} is a gap, and the input had none")
            return
        if before is not None:
            hole = begin - before
            if not s.discontinuity and abs(hole) > SEAM:
                self.problems.append(f"{where} is dated {hole:+.2f} s from the end of the one before, without a discontinuity")
            elif hole > LEAST and not self.excused(before, begin):
                self.problems.append(f"a hole of {hole:.2f} s before {where}, and the input had none")
        init = self.inits.setdefault(s.init, None) or get(self.base + "video/" + s.init)
        self.inits = {s.init: init}
        made, scale = fragments(get(self.base + "video/" + s.uri)), timescale(init)
        for (at, duration), (then, _) in zip(made, made[1:]):
            if abs(then - at - duration) / scale > SEAM:
                self.problems.append(f"{where} has a hole of {(then - at - duration) / scale:.2f} s inside")


def slope(samples):
    """Per hour, least squares."""
    n = len(samples)
    if n < 3:
        return 0.0
    mean_t, mean_v = sum(t for t, _ in samples) / n, sum(v for _, v in samples) / n
    below = sum((t - mean_t) ** 2 for t, _ in samples)
    return 3600 * sum((t - mean_t) * (v - mean_v) for t, v in samples) / below


def main():
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--rtmp", type=int, default=8)
    options.add_argument("--srt", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="streamgate-soak-"))
    film = make_film(folder, "film", size="320x180", bitrate="250k")
    log = folder / "serve.log"
    server = subprocess.Popen([Path(options.binary).resolve(), "serve", "--rtmp", "127.0.0.1:0", "--srt", "127.0.0.1:0", "--http", "127.0.0.1:0"], stderr=open(log, "w"), cwd=folder)
    ports = {}
    while len(ports) < 3:
        time.sleep(0.05)
        ports = {kind: int(port) for kind, port in re.findall(r"(rtmp|srt|http)://[^:/\s]*:(\d+)", log.read_text())}
        if server.poll() is not None:
            sys.exit(f"the server did not start: {log.read_text()}")
    http = f"http://127.0.0.1:{ports['http']}"
    losses = [0.001, 0.01, 0.05]
    relays = [Relay(ports["srt"], losses[i % len(losses)]) for i in range(options.srt)]
    contributors = [RtmpContributor(ports["rtmp"], f"rtmp{i}", film, options.seed * 1000 + i) for i in range(options.rtmp)]
    contributors += [SrtContributor(r, f"srt{i}", folder / "film.flv", options.seed * 1000 + 500 + i) for i, r in enumerate(relays)]
    viewers = [Viewer(http, c) for c in contributors]
    memory, began = [], time.time()
    time.sleep(4)
    while time.time() - began < options.minutes * 60 and server.poll() is None:
        for viewer in viewers:
            viewer.look()
        metrics = get(http + "/metrics").decode()
        windows = sum(float(v) for v in re.findall(r"^streamgate_channel_window_bytes\{[^}]*\} (\S+)", metrics, re.M))
        resident = float(re.search(r"^process_resident_memory_bytes (\S+)", metrics, re.M)[1])
        memory.append((time.time() - began, (resident - windows) / 2**20, resident / 2**20))
        time.sleep(2)
    alive = server.poll() is None
    for c in contributors:
        c.done = True
    server.terminate()
    status = server.wait(30)
    # Windows fill for two minutes.
    steady = [m for m in memory if m[0] > min(150, options.minutes * 30)]
    for viewer in viewers:
        c = viewer.contributor
        print(f"{c.name}: {viewer.segments} segments, {viewer.discontinuities} discontinuities, {c.count}")
        for problem in viewer.problems[:10]:
            print(f"  FAIL {problem}")
    for relay in relays:
        print(f"relay: {relay.dropped} of {relay.dropped + relay.passed} packets lost ({relay.loss:.1%} wanted)")
    print(f"memory: {memory[0][2]:.1f} MB at first, {memory[-1][2]:.1f} at the end; without windows {memory[0][1]:.1f} and {memory[-1][1]:.1f}, "
          f"{slope([m[:2] for m in steady]):+.2f} MB an hour over the last {steady[-1][0] - steady[0][0]:.0f} s")
    failed = not alive or status != 0 or any(v.problems for v in viewers)
    if failed:
        print(f"the server's status {status}, its log {log}")
    else:
        shutil.rmtree(folder)
    return failed


if __name__ == "__main__":
    sys.exit(main())
