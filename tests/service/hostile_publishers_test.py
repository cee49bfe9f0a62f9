#!/usr/bin/env python3
"""What real contributors do to a live server, done to `streamgate serve`: players must see a continuous stream or an honest
discontinuity, and the wall clock must stay right.

    hostile_publishers_test.py STREAMGATE [CASE...]
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from live_stream import fragments, get, parse, timescale
from rtmp_publisher import AUDIO, VIDEO, Publisher, Refused, Sender, make_film

SECONDS = 14
TOLERANCE = 0.1  # of dates against arrival
ATTEMPTS = 3


class Server:
    def __init__(self, binary, folder, *more):
        self.log = open(folder / "serve.log", "w+")
        self.process = subprocess.Popen([Path(binary).resolve(), "serve", "--rtmp", "127.0.0.1:0", "--srt", "off", "--http", "127.0.0.1:0", "--log-level", "info", *more], stderr=self.log, cwd=folder)
        deadline = time.monotonic() + 20
        text = ""
        while time.monotonic() < deadline and "http://" not in text:
            time.sleep(0.05)
            text = Path(self.log.name).read_text()
        self.rtmp = int(re.search(r"rtmp://[^:]*:(\d+)", text)[1])
        self.http = int(re.search(r"http://[^:]*:(\d+)", text)[1])

    def url(self, name):
        return f"http://127.0.0.1:{self.http}/live/{name}/"

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)


class Case:
    """A channel, when each message of it was sent, and what must come out."""

    def __init__(self, server, films, name):
        self.server, self.films, self.name = server, films, name
        self.sent = {AUDIO: [], VIDEO: []}  # (bytes at a message's end, wall clock)
        self.discontinuities = 0
        self.inits = 1
        self.tracks = ("video", "audio")

    def connect(self, film, begin=0, **kwargs):
        return Sender(Publisher(self.server.rtmp, self.name, **kwargs), film, begin)

    def run(self, sender, until):
        sender.run(until, lambda when, tag: self.sent[tag.kind].append((tag.body[-48:], time.time())))

    def check(self):
        problems = []
        base = self.server.url(self.name)
        mpd = get(base + "manifest.mpd").decode()
        if mpd.count("<Period ") != self.discontinuities + 1:
            problems.append(f"{mpd.count('<Period ')} periods")
        for track in self.tracks:
            playlist = parse(get(f"{base}{track}/index.m3u8").decode())
            problems += [f"{track}: {p}" for p in self.check_track(base + track + "/", playlist, VIDEO if track == "video" else AUDIO)]
        return problems

    def check_track(self, base, playlist, kind):
        out = []
        if len(playlist.segments) < SECONDS / 2 - 3:
            out.append(f"only {len(playlist.segments)} segments")
        marks = sum(s.discontinuity for s in playlist.segments)
        if marks != self.discontinuities:
            out.append(f"{marks} discontinuities")
        if playlist.discontinuity_sequence != 0:
            out.append(f"DISCONTINUITY-SEQUENCE {playlist.discontinuity_sequence}")
        if len({s.init for s in playlist.segments}) != self.inits:
            out.append(f"{len({s.init for s in playlist.segments})} init segments")
        end = None
        for s in playlist.segments:
            where = f"segment {s.number}"
            if s.duration > playlist.target + 0.5:
                out.append(f"{where} lasts {s.duration}, target {playlist.target}")
            if s.gap:
                out.append(f"{where} is a gap")
                continue
            init, data = get(base + s.init), get(base + s.uri)
            scale = timescale(init)
            made = fragments(data)
            for (time_, duration), (next_, _) in zip(made, made[1:]):
                if time_ + duration != next_:
                    out.append(f"{where} has a hole of {(next_ - time_ - duration) / scale:.3f} s inside")
            length = sum(d for _, d in made) / scale
            if abs(length - s.duration) > 0.045:
                out.append(f"{where}: EXTINF {s.duration}, media {length:.3f}")
            begin = made[0][0] / scale
            if end is not None and not s.discontinuity and abs(begin - end) > 0.045:
                out.append(f"{where} begins {begin - end:.3f} s after the one before")
            end = begin + length
            # Its first picture or frame: when was it sent?
            hits = [(data.find(tail), when) for tail, when in self.sent[kind] if tail in data]
            if s.date is None:
                out.append(f"{where} has no date")
            elif not hits:
                out.append(f"{where}: nothing of it was sent")
            elif abs(min(hits)[1] - s.date) > TOLERANCE:
                out.append(f"{where} is dated {s.date - min(hits)[1]:+.3f} s from its arrival")
            decoded = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-f", "mp4", "-i", "-", "-f", "null", "-"], input=init + data, capture_output=True)
            if decoded.returncode or decoded.stderr:
                out.append(f"{where}: {decoded.stderr.decode()[:120]}")
        return out


def reconnects(case, away, reset):
    sender = case.connect(case.films["main"])
    case.run(sender, 6000)
    sender.publisher.close(reset)
    time.sleep(away)
    again = case.connect(case.films["main"], 6000)
    case.run(again, SECONDS * 1000 - away * 1000)
    case.discontinuities = 1


def back_soon(case):
    reconnects(case, 0.1, False)


def back_after_reset(case):
    reconnects(case, 1.3, True)


def back_after_3s(case):
    reconnects(case, 3, False)


def half_open(case):
    old = case.connect(case.films["main"])
    case.run(old, 6000)
    try:
        Publisher(case.server.rtmp, case.name)
        raise AssertionError("a second publisher was taken while the first one delivers")
    except Refused:
        pass
    time.sleep(2)  # the old one is silent: its network went
    new = case.connect(case.films["main"], 6000)
    for second in range(7, SECONDS - 1):
        case.run(new, second * 1000)
        try:
            old.publisher.send(VIDEO, second * 1000, b"\x27\x01\x00\x00\x00" + b"\xff" * 400)
        except OSError:
            pass
    case.discontinuities = 1


def shifted(case, shift):
    sender = case.connect(case.films["main"])
    sender.shift = shift
    case.run(sender, SECONDS * 1000)


def jump_ahead(case):
    shifted(case, lambda kind, t: t + (1_000_000 if t >= 6500 else 0))


def back_to_zero(case):
    shifted(case, lambda kind, t: t - 6500 if t >= 6500 else t + 500_000)


def hole(case):
    shifted(case, lambda kind, t: t + (5000 if t >= 6500 else 0))


def audio_ahead(case):
    shifted(case, lambda kind, t: t + (30_000 if kind == AUDIO else 0))


def wrap(case):
    shifted(case, lambda kind, t: t + 2**32 - 7000)


def headers_again(case):
    sender = case.connect(case.films["main"])
    for second in range(1, SECONDS + 1):
        case.run(sender, second * 1000)
        sender.headers()


def other_parameters(case):
    sender = case.connect(case.films["main"])
    case.run(sender, 7000)
    other = Sender.__new__(Sender)
    other.__dict__.update(sender.__dict__)
    other.film, other.source, other.pending = case.films["other"], case.films["other"].messages(7000), None
    other.headers()
    case.run(other, SECONDS * 1000)
    case.discontinuities, case.inits = 1, 2


def other_size_on_return(case):
    sender = case.connect(case.films["main"])
    case.run(sender, 6000)
    sender.publisher.close()
    time.sleep(0.5)
    again = case.connect(case.films["other"], 6000)
    case.run(again, SECONDS * 1000)
    case.discontinuities, case.inits = 1, 2


def audio_only(case):
    film = case.films["sound"]
    film.headers = [t for t in case.films["main"].headers if t.kind not in (AUDIO, VIDEO)] + [t for t in film.headers if t.kind == AUDIO]
    case.tracks = ("audio",)
    case.run(case.connect(film), SECONDS * 1000)


CASES = [back_soon, back_after_reset, back_after_3s, half_open, jump_ahead, back_to_zero, hole, audio_ahead, wrap, headers_again, other_parameters, other_size_on_return, audio_only]


def run_cases(wanted, server, make_case, folder, attempts, at_once):
    """Each of `wanted` with a case of its own, those that fail again; whether any failed to the end. Stops the server."""
    results = {}

    def one(function, attempt):
        case = make_case(f"{function.__name__.replace('_', '-')}-{attempt}")
        try:
            function(case)
            results[function.__name__] = case.check()
        except Exception:
            results[function.__name__] = [traceback.format_exc()]

    for attempt in range(1, attempts + 1):
        due = [c for c in wanted if results.get(c.__name__, True)]
        for some in (due[i:i + at_once] for i in range(0, len(due), at_once)):
            threads = [threading.Thread(target=one, args=(c, attempt)) for c in some]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
    status = server.stop()
    for function in wanted:
        found = results[function.__name__]
        print(f"{'FAIL' if found else 'ok':5}{function.__name__}")
        for problem in found:
            print(f"       {problem}")
    failed = status != 0 or any(results.values())
    if failed:
        print(f"the server ended with {status}; its log: {folder}/serve.log")
    return failed


def main():
    wanted = [c for c in CASES if len(sys.argv) < 3 or c.__name__ in sys.argv[2:]]
    folder = Path(os.environ.get("KEEP") or tempfile.mkdtemp(prefix="streamgate-hostile-"))
    films = {"main": make_film(folder, "main", size="320x180", bitrate="200k"),
             "other": make_film(folder, "other", size="480x270", bitrate="300k", sample_rate=44100),
             "sound": make_film(folder, "sound", video=False)}
    server = Server(sys.argv[1], folder)
    # Dates are compared with when bytes were sent, and a busy machine keeps both sides waiting: what is wrong is wrong again.
    return run_cases(wanted, server, lambda name: Case(server, films, name), folder, ATTEMPTS, len(wanted))


if __name__ == "__main__":
    sys.exit(main())
