"""Reads what a live server serves, as far as tests need it: playlists, MPDs and fragments."""

import datetime
import re
import urllib.request
from dataclasses import dataclass, field


def get(url, timeout=15):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read()


@dataclass
class Segment:
    uri: str
    duration: float
    init: str
    date: float
    discontinuity: bool
    gap: bool
    number: int


@dataclass
class Playlist:
    segments: list = field(default_factory=list)
    target: int = 0
    discontinuity_sequence: int = 0
    ended: bool = False
    parts: list = field(default_factory=list)
    text: str = ""


def parse(text):
    playlist = Playlist(text=text)
    number = init = date = None
    discontinuity = gap = False
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == "#EXT-X-MEDIA-SEQUENCE":
            number = int(value)
        elif name == "#EXT-X-TARGETDURATION":
            playlist.target = int(value)
        elif name == "#EXT-X-DISCONTINUITY-SEQUENCE":
            playlist.discontinuity_sequence = int(value)
        elif name == "#EXT-X-MAP":
            init = re.search('URI="([^"]*)"', value)[1]
        elif name == "#EXT-X-PROGRAM-DATE-TIME":
            date = datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        elif name == "#EXT-X-DISCONTINUITY":
            discontinuity = True
        elif name == "#EXT-X-GAP":
            gap = True
        elif name == "#EXT-X-PART":
            playlist.parts.append(re.search('URI="([^"]*)"', value)[1])
        elif name == "#EXT-X-ENDLIST":
            playlist.ended = True
        elif name == "#EXTINF":
            duration = float(value.split(",")[0])
        elif line and line[0] != "#":
            playlist.segments.append(Segment(line, duration, init, date, discontinuity, gap, number))
            number += 1
            discontinuity = gap = False
            date = None
    return playlist


def boxes(data, begin=0, end=None):
    end = len(data) if end is None else end
    while begin + 8 <= end:
        size = int.from_bytes(data[begin:begin + 4], "big")
        if size < 8 or begin + size > end:
            raise ValueError("broken box")
        yield data[begin + 4:begin + 8], begin + 8, begin + size
        begin += size


def timescale(init):
    at = init.index(b"mdhd") + 4
    return int.from_bytes(init[at + 12:at + 16], "big") if init[at] == 0 else int.from_bytes(init[at + 20:at + 24], "big")


def fragments(data):
    """(decode time, duration) of each fragment of a segment, in its timescale."""
    out = []
    for kind, begin, end in boxes(data):
        if kind != b"moof":
            continue
        for inner, b, e in boxes(data, begin, end):
            if inner != b"traf":
                continue
            time = duration = fixed = 0
            for leaf, lb, le in boxes(data, b, e):
                flags = int.from_bytes(data[lb + 1:lb + 4], "big")
                if leaf == b"tfhd":
                    at = lb + 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2)
                    fixed = int.from_bytes(data[at:at + 4], "big") if flags & 8 else 0
                elif leaf == b"tfdt":
                    time = int.from_bytes(data[lb + 4:lb + (12 if data[lb] else 8)], "big")
                elif leaf == b"trun":
                    count = int.from_bytes(data[lb + 4:lb + 8], "big")
                    step = 4 * bin(flags & 0xF00).count("1")
                    at = lb + 8 + 4 * bool(flags & 1) + 4 * bool(flags & 4)
                    duration = sum(int.from_bytes(data[at + i * step:at + i * step + 4], "big") if flags & 0x100 else fixed for i in range(count))
            out.append((time, duration))
    return out
