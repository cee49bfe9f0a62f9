#!/usr/bin/env python3
"""How many live channels this machine encodes in real time: 1080p30 by RTMP to 720/480/360, x264, with a key frame each second.

    bench/live_ladder.py [--speeds ultrafast,veryfast,medium] [--seconds 30] [--most 8] [--binary PATH] [--source FILE]

For each speed channels are added until pictures are dropped. "late": from when a part of a rung could be there (the wall clock
of its end, EXT-X-PROGRAM-DATE-TIME) until a viewer has been told of it, over all channels and rungs. "speed" is the slowest
rung's streamgate_encoder_speed; "others" are processors that other work had meanwhile. Needs ffmpeg, build/release/streamgate and, without --source, streamgate-sample.
"""

import argparse
import datetime
import re
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import live
import machine

HERE = Path(__file__).resolve().parent
RTMP, HTTP = 2946, 2990
RUNGS = ("720p", "480p", "360p")


def make_source(binary, source, work):
    film = work / "live-1080p30.flv"
    if source is None:
        source = work / "film.mp4"
        if not source.exists():
            subprocess.run([binary.parent / "streamgate-sample", "--seconds", "60", source], check=True)
    if not film.exists():
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), "-vf", "scale=1920:1080,fps=30,format=yuv420p", "-c:v", "libx264", "-preset", "veryfast",
                        "-b:v", "6000k", "-maxrate", "6000k", "-bufsize", "6000k", "-g", "30", "-bf", "2", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000", str(film)], check=True)
    return film


def start(binary, work, speed):
    preset = work / f"live-{speed}.yaml"
    text = (HERE / "presets/live-ladder.yaml").read_text()
    preset.write_text(text.replace("video:\n", f"video:\n  speed: {speed}\n"))
    command = [str(binary), "serve", "--rtmp", f"127.0.0.1:{RTMP}", "--srt", "off", "--http", f"127.0.0.1:{HTTP}", "--set", f"defaults.preset={preset}", "--set", f"data={work}/data"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(work / "serve.log", "w"))


def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{HTTP}/{path}", timeout=20) as answer:
        return answer.read().decode()


def parts_of(playlist):
    """(name, wall clock of its end, number of its segment, place in it) of the parts that are listed."""
    number, place, at, out = 0, 0, None, []
    for line in playlist.splitlines():
        tag, _, value = line.partition(":")
        if tag == "#EXT-X-MEDIA-SEQUENCE":
            number = int(value)
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            at = datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        elif tag == "#EXT-X-PART" and at is not None:
            at += float(re.search(r"DURATION=([0-9.]+)", value)[1])
            out.append((re.search(r'URI="([^"]*)"', value)[1], at, number, place))
            place += 1
        elif line and line[0] != "#":
            number, place, at = number + 1, 0, None
    return out


def watch(channel, rung, late, until):
    seen, query = None, ""
    while time.time() < until:
        try:
            listed = parts_of(get(f"live/{channel}/{rung}/index.m3u8{query}"))
        except OSError:
            time.sleep(0.1)
            continue
        now = time.time()
        if seen is not None:
            late += [now - at for name, at, _, _ in listed if name not in seen]
        seen = {name for name, *_ in listed}
        if listed:
            query = f"?_HLS_msn={listed[-1][2]}&_HLS_part={listed[-1][3] + 1}"


def busy_seconds():
    fields = [int(v) for v in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / live.TICKS


def metric(text, name):
    return [float(value) for value in re.findall(rf'^{name}\{{[^}}]*rendition="\d+p"[^}}]*\}} (\S+)$', text, re.M)]


def one(args, work, film, speed, channels):
    server = start(args.binary, work, speed)
    sending = []
    try:
        time.sleep(1)
        for i in range(channels):
            sending.append(subprocess.Popen(["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(film), "-c", "copy", "-f", "flv",
                                             f"rtmp://127.0.0.1:{RTMP}/live/s{i}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(8)
        dropped = sum(metric(get("metrics"), "streamgate_encoder_dropped_frames_total"))
        ours = lambda: live.cpu_seconds(server.pid) + sum(live.cpu_seconds(each.pid) for each in sending) + time.process_time()
        busy, all_ours = busy_seconds(), ours()
        cpu, begun, late = live.cpu_seconds(server.pid), time.time(), []
        watchers = [threading.Thread(target=watch, args=(f"s{i}", rung, late, begun + args.seconds)) for i in range(channels) for rung in RUNGS]
        for each in watchers:
            each.start()
        for each in watchers:
            each.join()
        took = time.time() - begun
        text = get("metrics")
        cores = (live.cpu_seconds(server.pid) - cpu) / took
        others = (busy_seconds() - busy - ours() + all_ours) / took
        dropped = sum(metric(text, "streamgate_encoder_dropped_frames_total")) - dropped
        return cores, others, dropped / (took * 30 * channels * len(RUNGS)), min(metric(text, "streamgate_encoder_speed")), late, live.pss_mb(server.pid) / channels
    finally:
        for each in sending:
            each.kill()
            each.wait()
        server.terminate()
        server.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speeds", default="ultrafast,superfast,veryfast,faster,medium")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--most", type=int, default=8)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    film = make_source(args.binary, args.source, work)
    print(machine.describe())
    print(f"{'':12}{'channels':>9}{'cores':>8}{'others':>8}{'speed':>8}{'dropped':>9}{'late p50':>10}{'p99 ms':>8}{'MB a channel':>14}")
    for speed in args.speeds.split(","):
        for channels in range(1, args.most + 1):
            cores, others, dropped, slowest, late, memory = one(args, work, film, speed, channels)
            print(f"{speed:12}{channels:9}{cores:8.2f}{others:8.2f}{slowest:8.2f}{dropped:9.2%}{1000 * machine.median(late):10.0f}{1000 * sorted(late)[int(len(late) * 0.99)]:8.0f}{memory:14.0f}", flush=True)
            if dropped > 0.01:
                break


if __name__ == "__main__":
    main()
