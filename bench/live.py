#!/usr/bin/env python3
"""Live passthrough: processor time and memory of the server for N RTMP publishers, against nginx with its rtmp module.

    bench/live.py [--streams 20,200] [--seconds 30] [--runs 3] [--work DIR]

720p30 H.264 at 2 Mbit/s with AAC, on loopback. Ours makes HLS (with parts) and DASH of each, nginx-rtmp HLS in transport
streams on a RAM disk; the sides alternate. Publishers are ffmpeg processes that copy one film to many addresses. Needs
ffmpeg, nginx with libnginx-mod-rtmp, and build/release/streamgate.
"""

import argparse
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
PER_PUBLISHER = 25

NGINX = """load_module modules/ngx_rtmp_module.so;
worker_processes 1; daemon off; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 4096; }}
rtmp {{ access_log off; server {{ listen 127.0.0.1:2935; chunk_size 4096;
  application live {{ live on; hls on; hls_path {ram}; hls_fragment 2s; hls_playlist_length 10s; hls_nested on; }} }} }}
"""


def film(path):
    if not path.exists():
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30", "-f", "lavfi", "-i", "sine=r=48000", "-t", "60",
                        "-c:v", "libx264", "-preset", "veryfast", "-b:v", "2000k", "-maxrate", "2000k", "-bufsize", "2000k", "-x264-params", "nal-hrd=cbr",
                        "-g", "60", "-bf", "0", "-c:a", "aac", "-b:a", "128k", "-ac", "2", str(path)], check=True)


def publishers(source, port, count):
    started = []
    for first in range(0, count, PER_PUBLISHER):
        outputs = "|".join(f"[f=flv:onfail=ignore]rtmp://127.0.0.1:{port}/live/s{i}" for i in range(first, min(first + PER_PUBLISHER, count)))
        started.append(subprocess.Popen(["ffmpeg", "-v", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i", str(source), "-map", "0", "-c", "copy",
                                         "-f", "tee", outputs], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(0.2)
    return started


def tree(pid):
    return machine._tree(pid)


def cpu_seconds(pid):
    total = 0
    for each in tree(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except (OSError, IndexError):
            pass
    return total / TICKS


def pss_mb(pid):
    return sum(machine._pss(each) for each in tree(pid)) / 1024


def start_ours(binary, work):
    return subprocess.Popen([str(binary), "serve", "--rtmp", "127.0.0.1:2936", "--srt", "off", "--http", "127.0.0.1:2980"],
                            stdout=subprocess.DEVNULL, stderr=open(work / "serve.log", "w"))


def start_nginx(work, ram):
    shutil.rmtree(ram, ignore_errors=True)
    ram.mkdir(parents=True)
    config = work / "nginx.conf"
    config.write_text(NGINX.format(work=work, ram=ram))
    return subprocess.Popen(["nginx", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fresh_ours(count):
    fresh = 0
    for i in range(count):
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:2980/live/s{i}/video/index.m3u8", timeout=5).read().decode()
            fresh += "#EXTINF" in text and "#EXT-X-ENDLIST" not in text
        except OSError:
            pass
    return fresh


def fresh_nginx(ram, count):
    now = time.time()
    return sum(1 for i in range(count) if (ram / f"s{i}/index.m3u8").exists() and now - (ram / f"s{i}/index.m3u8").stat().st_mtime < 5)


def one(side, args, work, count):
    ram = Path("/dev/shm/streamgate-bench")
    server = start_ours(args.binary, work) if side == "streamgate" else start_nginx(work, ram)
    time.sleep(1)
    idle_mb = pss_mb(server.pid)
    sending = publishers(work / "live-2m.flv", 2936 if side == "streamgate" else 2935, count)
    try:
        time.sleep(8)
        begun = cpu_seconds(server.pid)
        time.sleep(args.seconds)
        spent = cpu_seconds(server.pid) - begun
        fresh = fresh_ours(count) if side == "streamgate" else fresh_nginx(ram, count)
        return spent, (pss_mb(server.pid) - idle_mb) / count, fresh
    finally:
        for each in sending:
            each.kill()
        for each in sending:
            each.wait()
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=15)
        shutil.rmtree(ram, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", default="20,200")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    film(work / "live-2m.flv")
    print(machine.describe())
    for count in (int(n) for n in args.streams.split(",")):
        results = {"streamgate": [], "nginx-rtmp": []}
        for i in range(args.runs):
            for side in (("streamgate", "nginx-rtmp") if i % 2 == 0 else ("nginx-rtmp", "streamgate")):
                results[side].append(one(side, args, work, count))
        print(f"\n{count} publishers, {args.seconds} s, {args.runs} runs, medians")
        print(f"{'':12}{'CPU s':>8}{'core/stream':>13}{'MB/stream':>11}{'fresh':>8}")
        for side, runs in results.items():
            cpu = machine.median([r[0] for r in runs])
            print(f"{side:12}{cpu:8.2f}{cpu / args.seconds / count:13.3%}{machine.median([r[1] for r in runs]):11.2f}{min(r[2] for r in runs):8}")
        ratio = machine.median([a[0] / b[0] for a, b in zip(results["streamgate"], results["nginx-rtmp"])])
        print(f"ratio of CPU {ratio:.2f}")


if __name__ == "__main__":
    main()
