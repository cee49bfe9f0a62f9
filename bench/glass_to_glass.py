#!/usr/bin/env python3
"""How old a picture is when a viewer sees it: from the camera to the screen of players in Chromium, on one machine.

    bench/glass_to_glass.py [--seconds 40] [--runs 3] [--binary PATH] [--cache FOLDER] [--only passthrough hls.js]

A camera puts the time into the pixels of 720p30 pictures, ffmpeg codes them (x264, zerolatency, a key frame each second) and sends
them by RTMP; the page reads the time back when the picture is on screen. So encoder, network, server, player and decoder are
all in the figure. Parts of 360 ms, segments of 2 s. "transcoded" is a ladder of 720p, 480p and 360p. Needs Chromium, node and npm.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import machine
from time_code import CODE, Camera

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/browser"))
from viewers import Server, Skip, Viewers

ROWS = [  # channel, player
    ("passthrough", "hls.js"),
    ("passthrough", "shaka"),
    ("transcoded", "hls.js"),
    ("transcoded", "shaka"),
    ("transcoded", "dash.js"),
]
SETTLED = 10  # seconds after which players have found their distance


def one(args, channel, player):
    """Ages in ms of pictures, and seconds stood still, once the player has settled."""
    folder = Path(tempfile.mkdtemp(prefix="streamgate-glass-"))
    settings = ["--set", f"defaults.preset={ROOT / 'bench/presets/live-ladder.yaml'}"] if channel == "transcoded" else []
    server = Server(args.binary, folder, *settings)
    camera = viewers = None
    try:
        camera = Camera(f"rtmp://127.0.0.1:{server.rtmp}/live/{channel}")
        time.sleep(5)
        viewers = Viewers(server, channel, [player], args.cache, folder, args.seconds + SETTLED + 60, CODE)
        if not viewers.wait_started():
            raise SystemExit(f"{player} did not play: {viewers.errors[player]}")
        time.sleep(SETTLED + args.seconds)
        looks = viewers.seen[player]
        settled = looks[-1]["started"] + SETTLED * 1000
        ages = [age for said in looks if said["now"] > settled for age in said["ages"]]
        if not ages:
            raise SystemExit(f"{player} showed no picture whose time could be read")
        return ages, sum(s["seconds"] for s in looks[-1]["stalls"] if s["from"] > settled)
    finally:
        if viewers:
            viewers.stop()
        if camera:
            camera.stop()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="channels and players; all without")
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/streamgate")
    parser.add_argument("--cache", type=Path, default=ROOT / "build/bench/npm")
    args = parser.parse_args()
    print(machine.describe())
    print(f"{'s':24}{'p50':>7}{'p95':>7}{'worst':>7}{'still':>7}   medians of runs")
    for channel, player in ROWS:
        if not set(args.only) <= {channel, player}:
            continue
        ages, still, medians = [], 0, []
        for _ in range(args.runs):
            seen, stood = one(args, channel, player)
            ages += seen
            still += stood
            medians.append(statistics.median(seen) / 1000)
        ages.sort()
        at = lambda share: f"{ages[min(len(ages) - 1, int(len(ages) * share))] / 1000:7.2f}"
        print(f"{channel + ', ' + player:24}{at(0.5)}{at(0.95)}{at(1)}{still:7.2f}   {' '.join(f'{m:.2f}' for m in sorted(medians))}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Skip as why:
        sys.exit(str(why))
