#!/usr/bin/env python3
"""What chunks cost: one film encoded at one CRF as chunks and as a whole; sizes and PSNR.

    bench/chunking.py [--source FILE] [--chunk 24s] [--work DIR]        needs build/release/streamgate
"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import machine
from ladder import make_source

HERE = Path(__file__).resolve().parent


def encode(binary, source, out, chunk):
    shutil.rmtree(out, ignore_errors=True)
    command = [binary, "transcode", source, "--preset", HERE / "presets/chunking.yaml", "--set", f"video.chunk={chunk}", "-o", out, "--quality", "--json"]
    lines = subprocess.run([str(x) for x in command], check=True, capture_output=True, text=True).stdout.splitlines()
    events = [json.loads(line) for line in lines]
    plan = next(e for e in events if e["type"] == "plan")["data"]
    rung = next(e for e in events if e["type"] == "input.finished")["data"]["renditions"][0]
    size = sum(f.stat().st_size for f in (out / "720p").glob("*.m4s"))
    return plan["chunks"], size, rung["psnr"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--chunk", default="24s")
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    source = args.source or args.work / "film-60s.mp4"
    if not args.source:
        make_source(source, 60)
    whole, whole_bytes, whole_psnr = encode(args.binary, source, args.work / "whole", "10min")
    chunks, bytes_, psnr = encode(args.binary, source, args.work / "chunks", args.chunk)
    print(f"{machine.describe()}\n{source.name}, CRF 23: {chunks} chunks of {args.chunk} against {whole}: "
          f"size {bytes_ / whole_bytes - 1:+.2%}, PSNR {psnr - whole_psnr:+.3f} dB ({psnr:.2f})")


if __name__ == "__main__":
    main()
