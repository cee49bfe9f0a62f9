#!/usr/bin/env python3
"""Memory: the largest task on a 4K source with the full ladder, and whether it grows with the length of a source.

    bench/memory.py [--work DIR]        needs ffmpeg and build/release/streamgate
"""

import argparse
import shutil
import subprocess
from pathlib import Path

import machine

HERE = Path(__file__).resolve().parent


def film(path, size, seconds, rate, video=True):
    if path.exists():
        return
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    if video:
        command += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    command += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={seconds}"]
    if video:
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-g", str(rate * 5), "-crf", "30"]
    subprocess.run(command + ["-c:a", "aac", "-b:a", "64k", str(path)], check=True)


def peak(binary, source, out, *flags):
    shutil.rmtree(out, ignore_errors=True)
    run = machine.run([str(x) for x in (binary, "transcode", source, "-o", out, "--no-verify", *flags)])
    return run.peak_kb / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    print(machine.describe())
    uhd = args.work / "uhd.mp4"
    film(uhd, "3840x2160", 6, 30)
    print(f"4K source, web-hd ladder, one chunk in flight: {peak(args.binary, uhd, args.work / 'uhd', '--jobs', '1'):.0f} MB for the process tree")
    for hours in (1, 10):
        source = args.work / f"audio-{hours}h.m4a"
        film(source, None, hours * 3600, 0, video=False)
        print(f"audio of {hours} h, audio-only: {peak(args.binary, source, args.work / 'audio', '--preset', 'audio-only'):.0f} MB")
    for minutes in (20, 120):
        source = args.work / f"low-{minutes}.mp4"
        film(source, "320x180", minutes * 60, 5)
        print(f"film of {minutes} min at a low bit rate: {peak(args.binary, source, args.work / 'low', '--set', 'video.speed=ultrafast'):.0f} MB")


if __name__ == "__main__":
    main()
