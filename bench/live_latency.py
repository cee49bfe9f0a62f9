#!/usr/bin/env python3
"""Latency of live passthrough on loopback, against nginx with its rtmp module where that can do the same.

    bench/live_latency.py [--seconds 40] [--runs 3] [--binary PATH] [--others N]

720p30 H.264 with AAC, a key frame each second, segments of 2 s. "listed": from sending the first byte of the key frame that closes
a segment to a playlist that lists it; "first": from the first picture to the first playlist with something to play; "part": from
sending a part's first picture until the part has been fetched, less the part's own duration. `--others`: streams beside it.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
from pathlib import Path

import live
import machine

sys.path.insert(0, str(live.HERE.parent / "tests/service"))
from live_stream import fragments, get, parse, timescale
from rtmp_publisher import VIDEO, Publisher, Sender, make_film


def publish(port, film, seconds, name, sent):
    sender = Sender(Publisher(port, name), film)
    film_end = seconds * 1000
    original = sender.publisher.send

    def send(kind, when, body):
        if kind == VIDEO and body[1:2] == b"\x01":
            sent.append((time.time(), body[0] >> 4 == 1, body[-48:]))
        original(kind, when, body)

    sender.publisher.send = send
    sender.run(film_end)
    sender.publisher.finish()


def ours(base, sent, stop):
    """(first, [listed], [part])"""
    first, listed, parts = None, [], []
    seen, number = set(), None
    init = None
    while not stop.is_set():
        try:
            query = "" if number is None else f"?_HLS_msn={number}&_HLS_part={part}"
            text = get(base + "video/index.m3u8" + query).decode()
        except (urllib.error.URLError, OSError):
            time.sleep(0.001)
            continue
        now = time.time()
        playlist = parse(text)
        if first is None and playlist.parts and sent:
            first = now - sent[0][0]
        fresh = [p for p in playlist.parts if p not in seen]
        whole = {s.uri for s in playlist.segments}
        if whole - seen and seen:
            keys = [when for when, key, _ in list(sent) if key and when < now]
            if keys:
                listed.append(now - keys[-1])
        if init is None and playlist.segments:
            init = timescale(get(base + "video/" + playlist.segments[0].init))
        begun = bool(seen)
        for uri in fresh:
            data = get(base + "video/" + uri)
            when = time.time()
            if not begun or init is None:
                continue
            at = [(data.find(tail), sent_at) for sent_at, _, tail in list(sent)[-90:] if tail in data]
            if at:
                parts.append(when - min(at)[1] - sum(d for _, d in fragments(data)) / init)
        seen |= set(fresh) | whole
        if playlist.ended:
            break
        last = playlist.parts[-1].rsplit(".", 2) if playlist.parts else None
        if last:
            number, part = int(last[0].rsplit("-", 1)[1]), int(last[1]) + 1
    return first, listed, parts


def nginx(path, sent, stop):
    first, listed, count = None, [], 0
    stamp = None
    while not stop.is_set():
        try:
            now_stamp = path.stat().st_mtime_ns
        except OSError:
            now_stamp = None
        if now_stamp != stamp and now_stamp is not None:
            now = time.time()
            stamp = now_stamp
            uris = path.read_text().count(".ts")
            if uris and first is None and sent:
                first = now - sent[0][0]
            elif uris:
                keys = [when for when, key, _ in list(sent) if key and when < now]
                listed.append(now - keys[-1])
        time.sleep(0.0005)
    return first, listed, []


def one(side, args, work, film):
    ram = Path("/dev/shm/streamgate-bench")
    server = live.start_ours(args.binary, work) if side == "streamgate" else live.start_nginx(work, ram)
    port = 2936 if side == "streamgate" else 2935
    others = []
    try:
        time.sleep(1)
        if args.others:
            live.film(work / "live-2m.flv")
            others = live.publishers(work / "live-2m.flv", port, args.others)
            time.sleep(4)
        sent, stop, out = [], threading.Event(), []
        watch = (lambda: ours("http://127.0.0.1:2980/live/latency/", sent, stop)) if side == "streamgate" else (lambda: nginx(ram / "latency/index.m3u8", sent, stop))
        watcher = threading.Thread(target=lambda: out.append(watch()))
        watcher.start()
        publish(port, film, args.seconds, "latency", sent)
        stop.set()
        watcher.join(20)
        return out[0]
    finally:
        for each in others:
            each.kill()
            each.wait()
        server.terminate()
        server.wait(15)
        shutil.rmtree(ram, ignore_errors=True)


def ms(values, share):
    return f"{1000 * sorted(values)[min(len(values) - 1, int(len(values) * share))]:9.1f}" if values else f"{'-':>9}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--others", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=live.HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    film = make_film(work, "latency", size="1280x720", bitrate="2000k")
    print(machine.describe())
    print(f"{'ms':12}{'listed p50':>12}{'p95':>9}{'first':>9}{'part p50':>10}{'p99':>9}")
    results = {"streamgate": [], "nginx-rtmp": []}
    for i in range(args.runs):
        for side in (("streamgate", "nginx-rtmp") if i % 2 == 0 else ("nginx-rtmp", "streamgate")):
            results[side].append(one(side, args, work, film))
    for side, runs in results.items():
        listed = [x for run in runs for x in run[1]]
        parts = [x for run in runs for x in run[2]]
        first = [run[0] for run in runs if run[0] is not None]
        print(f"{side:12}{ms(listed, 0.5):>12}{ms(listed, 0.95)}{1000 * statistics.median(first) if first else 0:9.0f}{ms(parts, 0.5):>10}{ms(parts, 0.99)}")


if __name__ == "__main__":
    main()
