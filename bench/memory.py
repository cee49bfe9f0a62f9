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


def long_film(path, hours):
    """A tiny film, encoded for a minute and repeated: as many samples as any film of its length has."""
    if path.exists():
        return
    minute = path.parent / "minute.mp4"
    if not minute.exists():
        command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=60"]
        command += ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=60", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"]
        subprocess.run(command + ["-g", "50", "-crf", "30", "-c:a", "aac", "-b:a", "64k", "-shortest", str(minute)], check=True)
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "error", "-y", "-stream_loop", str(hours * 60 - 1), "-i", str(minute)]
    subprocess.run(command + ["-c", "copy", str(path)], check=True)


def peak(binary, source, out, *flags):
    shutil.rmtree(out, ignore_errors=True)
    run = machine.run([str(x) for x in (binary, "transcode", source, "-o", out, "--no-verify", *flags)], sample_every=0.02)
    return run.peak_kb / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--only-films", action="store_true", help="the rows of one and six hours")
    parser.add_argument("--skip-encode", action="store_true", help="films only copied")
    parser.add_argument("--binary", type=Path, default=HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    print(machine.describe(), flush=True)
    if not args.only_films:
        uhd = args.work / "uhd.mp4"
        film(uhd, "3840x2160", 6, 30)
        print(f"4K source, web-hd ladder, one chunk in flight: {peak(args.binary, uhd, args.work / 'uhd', '--jobs', '1'):.0f} MB for the process tree")
        for hours in (1, 10):
            source = args.work / f"audio-{hours}h.m4a"
            film(source, None, hours * 3600, 0, video=False)
            print(f"audio of {hours} h, audio-only: {peak(args.binary, source, args.work / 'audio', '--preset', 'audio-only'):.0f} MB")
    for hours in (1, 6):
        source = args.work / f"film-{hours}h.mp4"
        long_film(source, hours)
        out = args.work / "film"
        print(f"film of {hours} h, passthrough: {peak(args.binary, source, out, '--preset', 'passthrough'):.0f} MB", flush=True)
        if not args.skip_encode:
            print(f"film of {hours} h, web-hd at its fastest: {peak(args.binary, source, out, '--set', 'video.speed=ultrafast'):.0f} MB", flush=True)


if __name__ == "__main__":
    main()
