#!/usr/bin/env python3
"""What real contributors change in mid-stream, done to encoded channels of `streamgate serve`: every rung must go on without a hole,
with the same borders, and with a discontinuity only where what viewers get becomes another.

    live_ladder_test.py STREAMGATE [CASE...]
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from hostile_publishers_test import Server, run_cases
from live_stream import fragments, get, parse, timescale
from rtmp_publisher import AUDIO, VIDEO, Publisher, Sender, make_film

SECONDS = 12
PRESET = """name: two-rungs
version: 1
extends: web-hd
video:
  speed: ultrafast
  ladder:
    - {name: 180p, width: 320, height: 180, max_bitrate: 400k, buffer: 400k}
    - {name: 90p, width: 160, height: 90, max_bitrate: 200k, buffer: 200k}
audio:
  renditions:
    - {name: audio, codec: aac, channels: 2, bitrate: 64k, sample_rate: 48000}
"""


class Case:
    def __init__(self, server, films, name):
        self.server, self.films, self.name = server, films, name
        self.discontinuities = 0
        self.rungs = ["180p", "90p"]
        self.at_least = SECONDS / 2 - 3  # segments

    def show(self, sender, film, until):
        """Goes on with another film on the same connection."""
        sender.film, sender.source, sender.pending = self.films[film], self.films[film].messages(sender.now_ms()), None
        sender.headers()
        sender.run(until)

    def connect(self, film):
        return Sender(Publisher(self.server.rtmp, self.name), self.films[film])

    def child(self):
        return int(re.findall(rf"live_encoder_started channel=live/{self.name} pid=(\d+)", Path(self.server.log.name).read_text())[-1])

    def check(self):
        base = self.server.url(self.name)
        tracks = {t: parse(get(f"{base}{t}/index.m3u8").decode()) for t in [*self.rungs, "audio"]}
        problems = [f"{t}: {p}" for t, playlist in tracks.items() for p in self.check_track(f"{base}{t}/", playlist)]
        first = {s.number: s for s in tracks[self.rungs[0]].segments}
        for rung in self.rungs[1:]:
            for s in tracks[rung].segments:
                other = first.get(s.number)
                if other and (abs(s.date - other.date) > 0.002 or abs(s.duration - other.duration) > 0.002 or s.discontinuity != other.discontinuity):
                    problems.append(f"{rung}: segment {s.number} has other borders than {self.rungs[0]}'s")
        return problems

    def check_track(self, base, playlist):
        out = []
        if len(playlist.segments) < self.at_least:
            out.append(f"only {len(playlist.segments)} segments")
        marks = sum(s.discontinuity for s in playlist.segments)
        if marks != self.discontinuities:
            out.append(f"{marks} discontinuities")
        end = date = None
        run, runs = b"", []
        for s in playlist.segments:
            where = f"segment {s.number}"
            if s.gap:
                out.append(f"{where} is a gap")
                continue
            init, data = get(base + s.init), get(base + s.uri)
            scale, made = timescale(init), fragments(data)
            length, begin = sum(d for _, d in made) / scale, made[0][0] / scale
            if abs(length - s.duration) > 0.045:
                out.append(f"{where}: EXTINF {s.duration}, media {length:.3f}")
            if end is not None and not s.discontinuity and abs(begin - end) > 0.002:
                out.append(f"{where} begins {begin - end:.3f} s after the one before")
            if s.date is None or (date is not None and not s.discontinuity and abs(s.date - date) > 0.1):
                out.append(f"{where} is dated {s.date}, expected {date}")
            end, date = begin + length, s.date and s.date + s.duration
            if s.discontinuity and run:
                runs.append(run)
                run = b""
            run = (run or init) + data
        for each in [*runs, run]:
            decoded = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "mp4", "-i", "-", "-f", "null", "-"], input=each, capture_output=True)
            if decoded.returncode or decoded.stderr:
                out.append(f"does not decode: {decoded.stderr.decode()[:200]}")
        return out


def smaller_and_back(case):
    sender = case.connect("main")
    sender.run(4000)
    case.show(sender, "small", 8000)
    case.show(sender, "main", SECONDS * 1000)


def portrait(case):
    sender = case.connect("main")
    sender.run(6000)
    case.show(sender, "portrait", SECONDS * 1000)
    case.discontinuities = 1


def larger(case):
    sender = case.connect("small")
    sender.run(6000)
    case.show(sender, "main", SECONDS * 1000)
    case.rungs, case.discontinuities = ["90p"], 1


def other_sound(case):
    sender = case.connect("main")
    sender.run(4000)
    case.show(sender, "other-sound", 8000)
    case.show(sender, "main", SECONDS * 1000)


def faster(case):
    sender = case.connect("main")
    sender.run(4000)
    case.show(sender, "fast", SECONDS * 1000)
    case.discontinuities = 1


def without(case, kind):
    sender = case.connect("main")
    sender.run(4000)
    send = sender.publisher.send
    sender.publisher.send = lambda k, when, body: None if k == kind else send(k, when, body)
    sender.run(9000)
    sender.publisher.send = send
    sender.headers()
    sender.run(SECONDS * 1000)


def sound_is_lost_for_a_while(case):
    without(case, AUDIO)


def pictures_are_lost_for_a_while(case):
    without(case, VIDEO)


def encoder_dies_in_a_long_gop(case):
    sender = case.connect("rare-keys")
    sender.run(7000)
    os.kill(case.child(), signal.SIGKILL)
    sender.run(SECONDS * 1000)
    case.discontinuities = 1


CASES = [smaller_and_back, portrait, larger, other_sound, faster, sound_is_lost_for_a_while, pictures_are_lost_for_a_while, encoder_dies_in_a_long_gop]


def main():
    wanted = [c for c in CASES if len(sys.argv) < 3 or c.__name__ in sys.argv[2:]]
    folder = Path(os.environ.get("KEEP") or tempfile.mkdtemp(prefix="streamgate-ladder-"))
    (folder / "preset.yaml").write_text(PRESET)
    films = {"main": make_film(folder, "main", size="320x180", bitrate="200k"),
             "small": make_film(folder, "small", size="160x90", bitrate="100k"),
             "portrait": make_film(folder, "portrait", size="180x320", bitrate="200k"),
             "other-sound": make_film(folder, "other-sound", size="320x180", bitrate="200k", sample_rate=44100),
             "fast": make_film(folder, "fast", size="320x180", rate="60", bitrate="300k"),
             "rare-keys": make_film(folder, "rare-keys", size="320x180", bitrate="200k", key_seconds=10)}
    server = Server(sys.argv[1], folder, "--set", f"defaults.preset={folder}/preset.yaml", "--set", "defaults.grace=0s")
    # Two at once: encoding takes time, and on a machine that is too slow pictures are rightly dropped.
    return run_cases(wanted, server, lambda name: Case(server, films, name), folder, attempts=2, at_once=2)


if __name__ == "__main__":
    sys.exit(main())
