#!/usr/bin/env python3
"""The life of channels and their inputs: sessions that follow each other, a configuration that changes under running streams,
origins that are pulled and misbehave, tracks that stop.

    channel_life_test.py STREAMGATE [CASE...]
"""

import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.error
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from hls_origin import HlsOrigin, Program, joined, window
from live_stream import get, parse
from plain_server import until
from rtmp_publisher import AUDIO, VIDEO, Publisher, Refused, Sender, make_film

LADDER = """name: tiny
version: 1
extends: web-hd
video:
  speed: ultrafast
  ladder:
    - {name: 90p, width: 160, height: 90, max_bitrate: 200k, buffer: 200k}
"""


class Server:
    """`streamgate serve` with a configuration that can be changed."""

    def __init__(self, binary, folder, config):
        self.folder = Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.config, self.path = self.folder / "c.yaml", self.folder / "serve.log"
        self.config.write_text(config)
        self.process = subprocess.Popen(
            [binary, "serve", "--config", self.config, "--data", self.folder / "data", "--rtmp", "127.0.0.1:0", "--srt", "off", "--http", "127.0.0.1:0"],
            stderr=open(self.path, "w"), cwd=self.folder)
        until(lambda: "http://" in self.log() or self.process.poll() is not None)
        self.rtmp = int(re.search(r"rtmp://[^:]*:(\d+)", self.log())[1])
        self.http = f"http://127.0.0.1:{re.search(r'http://[^:]*:([0-9]+)', self.log())[1]}"

    def log(self):
        return self.path.read_text()

    def lines(self, *words):
        return [line for line in self.log().splitlines() if all(word in line for word in words)]

    def reload(self, config):
        self.config.write_text(config)
        before = len(self.lines("reloaded"))
        self.process.send_signal(signal.SIGHUP)
        until(lambda: len(self.lines("reloaded")) > before)
        return self.lines("reloaded")[-1]

    def text(self, path):
        try:
            return get(f"{self.http}/{path}").decode()
        except urllib.error.HTTPError:
            return ""

    def renditions(self, channel):
        text = self.text(f"{channel}/index.m3u8")
        return sorted(re.findall(r'URI="([^"]*)/index.m3u8"', text) + re.findall(r"^([^#\s]*)/index.m3u8", text, re.M))

    def playlist(self, channel, rendition="video"):
        return parse(self.text(f"{channel}/{rendition}/index.m3u8"))

    def wait_segments(self, channel, count, rendition="video", seconds=40):
        until(lambda: len(self.playlist(channel, rendition).segments) >= count, seconds)

    def decode(self, channel):
        """What ffmpeg has to say about all of it."""
        done = subprocess.run(["ffmpeg", "-nostdin", "-v", "warning", "-live_start_index", "0", "-i", f"{self.http}/{channel}/index.m3u8", "-map", "0", "-t", "8", "-f", "null", "-"],
                              capture_output=True, text=True, timeout=60)
        return [line for line in done.stderr.splitlines() if "keepalive" not in line]

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


class Live(threading.Thread):
    """A publisher that goes on until it is told to stop. `sends(kind, ms)` says what is left out."""

    def __init__(self, server, film, name, sends=lambda kind, when: True):
        super().__init__(daemon=True)
        self.publisher = Publisher(server.rtmp, name)
        self.film, self.sends, self.done = film, sends, threading.Event()
        self.start()

    def run(self):
        began = time.monotonic()
        try:
            for header in self.film.headers:
                self.publisher.send(header.kind, 0, header.body)
            for when, tag in self.film.messages():
                if self.done.wait(max(0, began + when / 1000 - time.monotonic())):
                    return
                if self.sends(tag.kind, when):
                    self.publisher.send(tag.kind, when, tag.body)
        except OSError:
            pass

    def connected(self):
        return not self.publisher.closed

    def stop(self):
        self.done.set()
        self.join(10)
        self.publisher.finish()


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def a_publisher_who_returns_after_the_end_begins_anew(binary, folder, film):
    """At whatever moment, also while the encoder of the session before empties itself."""
    preset = folder / "tiny.yaml"
    preset.write_text(LADDER)
    server = Server(binary, folder / "a", f"templates: [{{match: live/*, preset: {preset}, grace: 500ms, output: {{segment: 1s}}}}]\n")
    try:
        for after in (0.502, 0.505, 0.52, 0.6):
            first = Live(server, film, "a")
            server.wait_segments("live/a", 2, "90p")
            first.stop()
            time.sleep(after)
            try:
                again = Live(server, film, "a")
            except Refused as refused:
                raise AssertionError(f"refused {after} s after it had left: {refused}")
            until(lambda: (now := server.playlist("live/a", "90p")).segments and not now.ended)
            again.stop()
            until(lambda: server.playlist("live/a", "90p").ended)
    finally:
        expect(server.stop() == 0, "the server ended badly")


def a_reload_leaves_alone_what_did_not_change(binary, folder, film):
    def config(card, gone, key):
        return (f"publish: {{keys: [{{key: {key}}}]}}\ndefaults: {{grace: 1s, output: {{segment: 1s}}}}\ntemplates: [{{match: other/*}}]\nchannels:\n"
                f"  - {{name: live/keep}}\n  - {{name: live/card, inputs: [{{kind: {card}, name: main}}]}}\n{gone}")

    server = Server(binary, folder / "b", config("test-card", "  - {name: live/gone, slate: {enabled: true}}\n", "first-key-1"))
    try:
        keep = Live(server, film, "keep?key=first-key-1")
        for name in ("keep", "card", "gone"):
            server.wait_segments(f"live/{name}", 2)
        refused = server.reload(config("test-card", "  - {name: live/gone, slaet: {}}\n", "x-key-of-nobody"))
        expect("c.yaml:7:23: channels[2].slaet: is not a key" in refused, refused)
        refused = server.reload(config("pull", "", "second-key-2"))
        expect("c.yaml:6:32: channels[1].inputs[0].url: is needed" in refused, refused)
        server.reload(config("test-card", "  - {name: live/new, inputs: [{kind: test-card, name: main}]}\n", "second-key-2"))
        until(lambda: server.lines("live_channel_end channel=live/gone"))
        server.wait_segments("live/new", 2)
        expect(keep.connected(), "its publisher was sent away")
        for name in ("keep", "card"):
            playlist = server.playlist(f"live/{name}")
            expect(not any(s.discontinuity for s in playlist.segments) and not playlist.ended, f"{name}: {playlist.text}")
        expect(not server.lines("live_channel_end channel=live/keep"), "a stream that is configured ended")
        try:
            Publisher(server.rtmp, "gone?key=second-key-2")
            raise AssertionError("a channel that is gone takes publishers")
        except Refused:
            pass
        try:
            Publisher(server.rtmp, "keep?key=first-key-1")
            raise AssertionError("a key that is gone is taken")
        except Refused:
            pass
        keep.stop()
    finally:
        expect(server.stop() == 0, "the server ended badly")


def pulled_hls_survives_what_origins_do(binary, folder, film):
    origin = HlsOrigin(folder)
    first = Program(folder, "first", "320x180", 25, 48000)
    other = Program(folder, "other", "192x108", 30, 44100, "-bf", "2", "-hls_segment_options", "mpegts_start_pid=0x1e1")
    parts = Program(folder, "parts", "320x180", 25, 48000, "-hls_segment_type", "fmp4")
    swapped = Program(folder, "swapped", "320x180", 25, 48000, "-hls_segment_type", "fmp4", "-map", "1", "-map", "0")
    plain, pids, ids = joined(first), joined(first, other), joined(parts, swapped)
    now = lambda at: 6 + int(at / 2)
    sloppy = lambda at: "\ufeff" + window(plain, now(at)).replace("#EXT-X-VERSION:7\n", "").replace("DURATION:2", "DURATION:1").replace(",\n", "\r\n")
    ended = window(plain, 4) + "#EXT-X-ENDLIST\n"
    origin.playlists = {
        "/pids.m3u8": lambda at: window(pids, now(at)),
        "/ids.m3u8": lambda at: window(ids, now(at), 9),
        "/sloppy.m3u8": sloppy,
        "/ended.m3u8": lambda at: ended,
        "/page.m3u8": lambda at: "<html></html>",
        "/page.ts": lambda at: "<html>" + "log in " * 1000,
        "/locked.m3u8": lambda at: window(plain, now(at)).replace("#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="k"\n#EXTINF', 1),
    }
    names = [path[1:].replace(".", "-") for path in origin.playlists]
    origin.begin()
    server = Server(binary, folder / "c", "defaults: {grace: 1s, output: {segment: 1s}}\nchannels:\n" + "".join(
        f'  - {{name: live/{name}, inputs: [{{kind: pull, name: main, url: "{origin.url(path)}"}}]}}\n' for name, path in zip(names, origin.playlists)))
    try:
        for name in ("pids-m3u8", "ids-m3u8", "sloppy-m3u8"):
            server.wait_segments(f"live/{name}", 14, seconds=60)
            renditions = server.renditions(f"live/{name}")
            expect(renditions == ["audio", "video"], f"{name} has the renditions {renditions}")
            playlist = server.playlist(f"live/{name}")
            expect(not any(s.gap for s in playlist.segments), f"{name} has gaps: {playlist.text}")
            marks = sum(s.discontinuity for s in playlist.segments)
            expect(1 <= marks <= 4 if name == "pids-m3u8" else marks == 0, f"{name} has {marks} discontinuities: {playlist.text}")
        for name in ("ids-m3u8", "sloppy-m3u8"):
            expect(not server.decode(f"live/{name}"), f"{name}: {server.decode(f'live/{name}')[:3]}")
        until(lambda: server.playlist("live/ended-m3u8").ended)
        taken = [path for path in origin.asked if path == "/first/list0.ts"]
        expect(sum(s.duration for s in server.playlist("live/ended-m3u8").segments) < 9, "what has ended is played again")
        expect(taken, "what has ended was not played")
        for name, why in (("page-m3u8", "a playlist starts with #EXTM3U"), ("page-ts", "no transport stream but text/html"), ("locked-m3u8", "encrypted")):
            expect(server.lines("live_pull_lost", f"live/{name} ", why), f"{name}: no line says {why!r}")
            expect(not server.lines("live_input_open", f"live/{name} "), f"{name} is a channel")
    finally:
        origin.stop()
        expect(server.stop() == 0, "the server ended badly")


def one_track_stops(binary, folder, film, kept, *said):
    """For ten seconds; viewers see no seam."""
    server = Server(binary, folder / "d", "defaults: {grace: 1s, output: {segment: 1s}}\ntemplates: [{match: live/*}]\n")
    try:
        live = Live(server, film, "a", lambda kind, when: kind == kept or when < 4000 or when > 14_000)
        server.wait_segments("live/a", 18)
        live.stop()
        until(lambda: server.playlist("live/a").ended)
        video, audio = (server.playlist("live/a", name) for name in ("video", "audio"))
        expect(len(audio.segments) == len(video.segments), f"{len(audio.segments)} segments of sound, {len(video.segments)} of pictures")
        # The last one may end between a picture and its sound.
        for playlist in (video, audio):
            expect(not any(s.gap or s.discontinuity for s in playlist.segments[:-1]), playlist.text)
        expect(abs(sum(s.duration for s in audio.segments) - sum(s.duration for s in video.segments)) < 0.1, "they are not as long as each other")
        for line in said:
            expect(server.lines(line), f"the log says nothing of {line}")
        expect(not server.decode("live/a"), f"{server.decode('live/a')[:3]}")
    finally:
        expect(server.stop() == 0, "the server ended badly")


def sound_that_stops_is_silence(binary, folder, film):
    one_track_stops(binary, folder, film, VIDEO, "live_sound_missing", "live_sound_back")


def pictures_that_stop_are_held(binary, folder, film):
    one_track_stops(binary, folder, film, AUDIO, "live_pictures_missing", "live_pictures_back")


def a_template_sends_each_stream_to_its_own_place(binary, folder, film):
    target = Server(binary, folder / "e", "templates: [{match: copy/*, output: {segment: 1s}}]\n")
    server = Server(binary, folder / "f", f'limits: {{channels: 2}}\ntemplates: [{{match: live/*, grace: 0s, restream: [{{name: copy, url: "rtmp://127.0.0.1:{target.rtmp}/copy/{{name}}"}}]}}]\n')
    try:
        lives = [Live(server, film, name) for name in ("one", "two")]
        for name in ("one", "two"):
            target.wait_segments(f"copy/{name}", 2)
        try:
            Publisher(server.rtmp, "three")
            raise AssertionError("more channels than are allowed")
        except Refused as refused:
            expect("2 channels exist already" in str(refused), str(refused))
        lives[0].stop()
        until(lambda: server.lines("live_channel_end channel=live/one"))
        # What has ended gives way.
        Live(server, film, "three").stop()
        for name in ("..", "a/b", "%2e%2e", "a%2fb", "x" * 65, "\u00fcber", "a b", ".a", "{name}"):
            try:
                Publisher(server.rtmp, name)
                raise AssertionError(f"{name!r} is taken")
            except Refused:
                pass
        lives[1].stop()
    finally:
        expect(server.stop() == 0 and target.stop() == 0, "a server ended badly")


CASES = (
    a_publisher_who_returns_after_the_end_begins_anew,
    a_reload_leaves_alone_what_did_not_change,
    pulled_hls_survives_what_origins_do,
    sound_that_stops_is_silence,
    pictures_that_stop_are_held,
    a_template_sends_each_stream_to_its_own_place,
)


def main():
    wanted = [case for case in CASES if len(sys.argv) < 3 or case.__name__ in sys.argv[2:]]
    folder = Path(tempfile.mkdtemp(prefix="streamgate-life-"))
    film = make_film(folder, "film", size="320x180", bitrate="200k")
    faults = {}

    def run(case):
        mine = folder / case.__name__[:20]
        mine.mkdir()
        try:
            case(Path(sys.argv[1]).resolve(), mine, film)
        except Exception:
            faults[case.__name__] = traceback.format_exc()

    threads = [threading.Thread(target=run, args=(case,)) for case in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for case in wanted:
        print(f"{'FAIL' if case.__name__ in faults else 'ok':5}{case.__name__}")
        if case.__name__ in faults:
            print(faults[case.__name__])
    if faults:
        print(f"the servers' logs: {folder}")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
