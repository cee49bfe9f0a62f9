#!/usr/bin/env python3
"""ABR ladder: streamgate against one ffmpeg process with split, scale and var_stream_map, in alternating runs.

    bench/ladder.py [--runs 3] [--seconds 60] [--mode crf|bitrate|both] [--source FILE] [--quality] [--work DIR]

Both sides: x264 veryfast, one 1080p source to 1080/720/480/360, 2 s GOP, 4 s segments, AAC 128 kbit/s, the same CRF and cap
(or bitrate). ffmpeg writes HLS only, streamgate HLS and DASH. Needs ffmpeg and build/release/streamgate.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import machine

HERE = Path(__file__).resolve().parent
RUNGS = [("1080p", 1920, 1080, 5000), ("720p", 1280, 720, 2800), ("480p", 854, 480, 1400), ("360p", 640, 360, 800)]


def make_source(path, seconds):
    if path.exists():
        return
    sample = HERE.parent / "build/release/streamgate-sample"
    subprocess.run([sample, "--seconds", str(seconds), path], check=True)


def ffmpeg_command(source, out, mode, rate):
    splits = "".join(f"[v{i}]" for i in range(len(RUNGS)))
    graph = [f"[0:v]split={len(RUNGS)}{splits}"]
    for i, (_, width, height, _) in enumerate(RUNGS):
        graph.append(f"[v{i}]scale={width}:{height}:flags=bicubic,setsar=1[o{i}]")
    gop = str(round(2 * rate))
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-i", source, "-filter_complex", ";".join(graph)]
    for i, (_, _, _, kbit) in enumerate(RUNGS):
        command += ["-map", f"[o{i}]", f"-c:v:{i}", "libx264", f"-preset:v:{i}", "veryfast", f"-maxrate:v:{i}", f"{kbit * 107 // 100}k",
                    f"-bufsize:v:{i}", f"{kbit * 3 // 2}k"]
        command += [f"-crf:v:{i}", "23"] if mode == "crf" else [f"-b:v:{i}", f"{kbit}k"]
    streams = " ".join(f"v:{i},agroup:a" for i in range(len(RUNGS)))
    command += ["-g", gop, "-keyint_min", gop, "-sc_threshold", "0", "-flags", "+cgop", "-map", "0:a:0", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000",
                "-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
                "-hls_segment_filename", f"{out}/%v/seg-%d.m4s", "-master_pl_name", "index.m3u8",
                "-var_stream_map", f"{streams} a:0,agroup:a", f"{out}/%v/index.m3u8"]
    return command


def streamgate_command(binary, source, out, mode, jobs):
    command = [binary, "transcode", source, "--preset", HERE / f"presets/ladder-{mode}.yaml", "-o", out, "--no-verify"]
    return command + (["--jobs", str(jobs)] if jobs else [])


def video_bytes(folder):
    return sum(f.stat().st_size for f in Path(folder).glob("*.m4s"))


def psnr(playlist, source, width, height, rate):
    graph = f"[0:v]settb=1/1000,setpts=N[d];[1:v]scale={width}:{height}:flags=bicubic,setsar=1,settb=1/1000,setpts=N[r];[d][r]psnr"
    report = subprocess.run(["ffmpeg", "-hide_banner", "-nostdin", "-i", playlist, "-i", source, "-filter_complex", graph, "-f", "null", "-"],
                            capture_output=True, text=True, check=True).stderr
    line = [text for text in report.splitlines() if "PSNR y:" in text][-1]
    return float(line.split("PSNR y:")[1].split()[0])


def source_rate(source):
    text = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=avg_frame_rate", "-of", "json", source],
                          capture_output=True, text=True, check=True).stdout
    num, den = json.loads(text)["streams"][0]["avg_frame_rate"].split("/")
    return int(num) / int(den), f"{num}/{den}"


def compare(args, mode, source, work):
    rate, rate_text = source_rate(source)
    ours, theirs = [], []
    a, b = work / "streamgate", work / "ffmpeg"
    for i in range(args.runs):
        for side in (("s", "f") if i % 2 == 0 else ("f", "s")):
            out = a if side == "s" else b
            shutil.rmtree(out, ignore_errors=True)
            if side == "f":
                for name in range(len(RUNGS) + 1):
                    (out / str(name)).mkdir(parents=True)
                theirs.append(machine.run([str(x) for x in ffmpeg_command(source, out, mode, rate)]))
            else:
                ours.append(machine.run([str(x) for x in streamgate_command(args.binary, source, out, mode, args.jobs)]))
    print(f"\n{mode}: {args.runs} alternating runs, medians")
    print(f"{'':12}{'wall s':>9}{'CPU s':>9}{'use':>7}{'peak MB':>9}")
    for name, runs in (("streamgate", ours), ("ffmpeg", theirs)):
        wall, cpu = machine.median([r.wall for r in runs]), machine.median([r.cpu for r in runs])
        print(f"{name:12}{wall:9.2f}{cpu:9.2f}{cpu / wall / os.cpu_count():7.1%}{machine.median([r.peak_kb for r in runs]) / 1024:9.0f}")
    pair = lambda f: machine.median([f(x) / f(y) for x, y in zip(ours, theirs)])
    print(f"ratio       {pair(lambda r: r.wall):9.3f}{pair(lambda r: r.cpu):9.3f}{'':7}{pair(lambda r: r.peak_kb):9.2f}")
    for i, (name, width, height, _) in enumerate(RUNGS):
        mine, other = video_bytes(a / name), video_bytes(b / str(i))
        line = f"{name:12}size {mine / other - 1:+.2%}"
        if args.quality:
            p, q = psnr(a / name / "index.m3u8", source, width, height, rate_text), psnr(b / str(i) / "index.m3u8", source, width, height, rate_text)
            line += f"   PSNR-Y {p:.3f} against {q:.3f} dB ({p - q:+.3f})"
        print(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--mode", choices=["crf", "bitrate", "both"], default="both")
    parser.add_argument("--source", type=Path)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    source = args.source or args.work / f"film-{args.seconds}s.mp4"
    if not args.source:
        make_source(source, args.seconds)
    print(machine.describe())
    for mode in (["crf", "bitrate"] if args.mode == "both" else [args.mode]):
        compare(args, mode, source, args.work)


if __name__ == "__main__":
    main()
