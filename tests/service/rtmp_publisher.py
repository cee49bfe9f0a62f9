"""An RTMP publisher whose time stamps and pace are free, for tests and benchmarks. Standard library and ffmpeg only."""

import heapq
import itertools
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

AUDIO, VIDEO, DATA, COMMAND = 8, 9, 18, 20


def amf(value):
    if value is None:
        return b"\x05"
    if isinstance(value, bool):
        return b"\x01" + bytes([value])
    if isinstance(value, (int, float)):
        return b"\x00" + struct.pack(">d", value)
    if isinstance(value, str):
        return b"\x02" + struct.pack(">H", len(value)) + value.encode()
    return b"\x03" + b"".join(struct.pack(">H", len(k)) + k.encode() + amf(v) for k, v in value.items()) + b"\x00\x00\x09"


class Refused(Exception):
    pass


class Publisher:
    """Connects and publishes at once. send() blocks as long as the server does not read."""

    def __init__(self, port, name, app="live", host="127.0.0.1", timeout=10):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = b""
        self.answered = threading.Condition()
        self.closed = False
        hello = b"\x00" * 8 + b"s" * 1528
        self.socket.sendall(b"\x03" + hello)
        reply = self._read(1 + 1536 + 1536)
        self.socket.sendall(reply[1:1537])
        self.socket.settimeout(None)
        threading.Thread(target=self._drain, daemon=True).start()
        self._message(2, 1, 0, 0, struct.pack(">I", 65536))
        self._command("connect", 1, {"app": app, "type": "nonprivate", "flashVer": "FMLE/3.0", "tcUrl": f"rtmp://{host}:{port}/{app}"})
        self._wait(b"NetConnection.Connect.Success", timeout)
        self._command("createStream", 2, None)
        self._wait(b"_result\x00\x40", timeout)  # of transaction 2
        self._command("publish", 3, None, name, "live", stream=1)
        self._wait(b"NetStream.Publish.Start", timeout)

    def _read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise Refused("the server closed the connection")
            data += more
        return data

    def _drain(self):
        try:
            while more := self.socket.recv(65536):
                with self.answered:
                    self.answers = (self.answers + more)[-65536:]
                    self.answered.notify_all()
        except OSError:
            pass
        with self.answered:
            self.closed = True
            self.answered.notify_all()

    def _wait(self, text, timeout):
        bad = (b"NetStream.Publish.BadName", b"NetStream.Publish.Denied", b"NetConnection.Connect.Rejected")
        with self.answered:
            self.answered.wait_for(lambda: text in self.answers or self.closed or any(b in self.answers for b in bad), timeout)
            if text not in self.answers:
                raise Refused(f"waited for {text!r}, closed={self.closed}, got {self.answers[-200:]!r}")

    def _message(self, channel, kind, stream, timestamp, body):
        timestamp &= 0xFFFFFFFF
        short = min(timestamp, 0xFFFFFF)
        head = bytes([channel]) + struct.pack(">I", short)[1:] + struct.pack(">I", len(body))[1:] + bytes([kind]) + struct.pack("<I", stream)
        extended = struct.pack(">I", timestamp) if short == 0xFFFFFF else b""
        size = 128 if kind in (1, COMMAND) and stream == 0 and channel == 2 else 65536
        out = head + extended + body[:size]
        for at in range(size, len(body), size):
            out += bytes([0xC0 | channel]) + extended + body[at:at + size]
        self.socket.sendall(out)

    def _command(self, *values, stream=0):
        self._message(3, COMMAND, stream, 0, b"".join(amf(v) for v in values))

    def send(self, kind, timestamp, body):
        self._message({AUDIO: 4, VIDEO: 6}.get(kind, 5), kind, 1, int(timestamp), body)

    def close(self, reset=False):
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            # Else the reading thread keeps the connection open.
            self.socket.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def finish(self):
        """Says that the stream ends."""
        self._command("FCUnpublish", 4, None, "")
        self._command("deleteStream", 5, None, 1)
        time.sleep(0.05)
        self.close()


@dataclass
class Tag:
    kind: int
    time: int  # decode time in ms, from 0
    body: bytes
    key: bool = False


@dataclass
class Film:
    """A short film as RTMP messages. Pictures and sound are looped each for itself, so that neither has a hole where it begins again."""

    headers: list = field(default_factory=list)  # metadata and sequence headers
    tracks: dict = field(default_factory=dict)  # kind: (tags, length in ms)

    def messages(self, start=0):
        """Endless (true time, tag), from the time `start` on."""

        def loop(tags, length):
            for turn in itertools.count():
                for tag in tags:
                    if turn * length + tag.time >= start:
                        yield turn * length + tag.time, tag

        return heapq.merge(*(loop(*track) for track in self.tracks.values()), key=lambda item: item[0])


def _run(*command):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, command)], check=True)


def parse_flv(data, lengths):
    """`lengths`: of each kind, (messages, ms)."""
    film = Film()
    tags = {kind: [] for kind in lengths}
    at = 13
    while at + 11 <= len(data):
        kind = data[at]
        size = int.from_bytes(data[at + 1:at + 4], "big")
        when = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        body = data[at + 11:at + 11 + size]
        at += 15 + size
        if kind == VIDEO and len(body) > 1 and body[1] == 2:
            continue
        if kind == DATA or (len(body) > 1 and body[1] == 0 and (kind == VIDEO or body[0] >> 4 == 10)):
            film.headers.append(Tag(kind, 0, b"\x02\x00\x0d@setDataFrame" + body if kind == DATA else body))
        elif len(tags[kind]) < lengths[kind][0]:
            tags[kind].append(Tag(kind, when, body, kind == VIDEO and body[0] >> 4 == 1))
    film.tracks = {kind: (tags[kind], lengths[kind][1]) for kind in lengths}
    return film


def make_film(folder, name, size="640x360", rate="30", bframes=0, video=True, audio=True, sample_rate=48000, bitrate="800k", key_seconds=1):
    """16 s with a key frame each second, or so many; made once, kept in `folder`."""
    path = Path(folder) / f"{name}.flv"
    exact = Fraction(rate)
    second = round(exact)
    gop = key_seconds * second
    if not path.exists():
        command = []
        if video:
            command += ["-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}"]
        if audio:
            command += ["-f", "lavfi", "-i", f"sine=r={sample_rate}:f=440"]
        command += ["-t", 16.1]
        if video:
            command += ["-c:v", "libx264", "-preset", "ultrafast" if bframes == 0 else "veryfast", "-b:v", bitrate, "-maxrate", bitrate, "-bufsize", bitrate, "-pix_fmt", "yuv420p",
                        "-g", gop, "-keyint_min", gop, "-sc_threshold", 0, "-bf", bframes, "-x264-params", "b-adapt=0:open-gop=0"]
        if audio:
            command += ["-c:a", "aac", "-b:a", "96k", "-ac", 2]
        _run(*command, "-f", "flv", path)
    lengths = {}
    if video:
        lengths[VIDEO] = (16 * second, float(16 * second / exact * 1000))
    if audio:
        frames = 16 * sample_rate // 1024
        lengths[AUDIO] = (frames, frames * 1024 * 1000 / sample_rate)
    return parse_flv(path.read_bytes(), lengths)


def make_hevc_film(folder, name, size="640x360", rate=30, seconds=16):
    """Enhanced RTMP: HEVC pictures, no sound."""
    mp4, raw = Path(folder) / f"{name}.mp4", Path(folder) / f"{name}.hevc"
    if not raw.exists():
        _run("-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}", "-t", seconds, "-c:v", "libx265", "-preset", "ultrafast", "-b:v", "800k", "-pix_fmt", "yuv420p",
             "-x265-params", f"keyint={rate}:min-keyint={rate}:scenecut=0:bframes=0:open-gop=0:aud=1:log-level=error", "-tag:v", "hvc1", mp4)
        _run("-i", mp4, "-c", "copy", "-bsf:v", "hevc_mp4toannexb", "-f", "hevc", raw)
    boxes = mp4.read_bytes()
    at = boxes.index(b"hvcC")
    config = boxes[at + 4:at - 4 + int.from_bytes(boxes[at - 4:at], "big")]
    film = Film([Tag(VIDEO, 0, b"\x90hvc1" + config)])
    nals = [n[:-1] if n.endswith(b"\x00") else n for n in raw.read_bytes().split(b"\x00\x00\x01")[1:]]
    pictures = [[]]
    for nal in nals:
        kind = nal[0] >> 1 & 63
        if kind == 35:
            if pictures[-1]:
                pictures.append([])
        elif kind not in (32, 33, 34):
            pictures[-1].append(nal)
    tags = []
    for index, picture in enumerate(pictures):
        key = any(16 <= nal[0] >> 1 & 63 <= 21 for nal in picture)
        coded = b"".join(struct.pack(">I", len(nal)) + nal for nal in picture)
        tags.append(Tag(VIDEO, index * 1000 // rate, (b"\x93" if key else b"\xa3") + b"hvc1" + coded, key))  # CodedFramesX
    film.tracks = {VIDEO: (tags, seconds * 1000)}
    return film


class Sender:
    """Sends a film at the pace of real time, looped; `shift(kind, time)` turns true times into what is sent."""

    def __init__(self, publisher, film, begin=0):
        self.publisher, self.film = publisher, film
        self.shift = lambda kind, when: when
        self.source = film.messages(begin)
        self.pending = None
        self.began = time.monotonic() - begin / 1000
        self.sent = 0
        self.headers()

    def headers(self):
        for tag in self.film.headers:
            self.publisher.send(tag.kind, self.shift(tag.kind, self.now_ms()), tag.body)

    def now_ms(self):
        return max(0, (time.monotonic() - self.began) * 1000)

    def run(self, until_ms, on_sent=None):
        """Until the true time of the film is `until_ms`."""
        while True:
            if self.pending is None:
                self.pending = next(self.source)
            when, tag = self.pending
            if when >= until_ms:
                return
            wait = self.began + when / 1000 - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self.publisher.send(tag.kind, self.shift(tag.kind, when), tag.body)
            self.sent += 1
            self.pending = None
            if on_sent:
                on_sent(when, tag)
