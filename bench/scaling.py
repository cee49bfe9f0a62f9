#!/usr/bin/env python3
"""How far one ladder job can use more processors: what of it is serial, against one ffmpeg process.

    bench/scaling.py [--seconds 60] [--source FILE] [--jobs N...]        needs ffmpeg and build/release/streamgate

Two processors cannot show eight, but the work can be taken apart: a run is never shorter than its busiest thread plus what
runs before and after the parallel part. Both are processor seconds, so other load on the machine matters little. The bound
on the speed-up is all processor seconds over these. Then the same job with each --jobs: chunks at once, wall and bytes.
"""

import argparse
import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import ladder
import machine

TICK = 100  # clock ticks a second, as /proc counts


def thread_seconds(pid, into):
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            text = (task / "stat").read_text()
            name = text[text.index("(") + 1:text.rindex(")")]
            fields = text.rsplit(")", 1)[1].split()
            into[(pid, int(task.name))] = (name, (int(fields[11]) + int(fields[12])) / TICK)
    except (OSError, ValueError, IndexError):
        pass


def watched(command, log):
    """Processor seconds of every thread the command ever had, seen five times a second; and its wall time."""
    threads, done = {}, threading.Event()
    begun = time.monotonic()
    process = subprocess.Popen([str(x) for x in command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.DEVNULL)

    def watch():
        while not done.wait(0.2):
            for pid in machine._tree(process.pid):
                thread_seconds(pid, threads)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    if process.wait() != 0:
        raise SystemExit(f"failed: {command}")
    done.set()
    watcher.join()
    return threads, time.monotonic() - begun


def stages(log):
    """Seconds from event to event of the run's only input."""
    entered, order = {}, []
    for line in Path(log).read_text().splitlines():
        event = json.loads(line)
        at = event["time"][11:23]
        seconds = int(at[:2]) * 3600 + int(at[3:5]) * 60 + float(at[6:])
        if event["type"] == "stage":
            name = event["data"]["stage"]
            order.append(name)
            entered[name] = seconds
        if event["type"] == "finished":
            order.append("end")
            entered["end"] = seconds
    return {a: entered[b] - entered[a] for a, b in zip(order, order[1:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--work", type=Path, default=Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=ladder.HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    source = args.source or args.work / f"source-{args.seconds}.mp4"
    ladder.make_source(source, args.seconds)
    print(machine.describe(), flush=True)

    out = args.work / "scaling"
    shutil.rmtree(out, ignore_errors=True)
    for i in range(len(ladder.RUNGS) + 1):
        (out / "ffmpeg" / str(i)).mkdir(parents=True, exist_ok=True)
    with open(args.work / "scaling.log", "wb") as log:
        threads, wall = watched(ladder.ffmpeg_command(str(source), str(out / "ffmpeg"), "crf", 30), log)
    total = sum(seconds for _, seconds in threads.values())
    name, longest = max(threads.values(), key=lambda each: each[1])
    print(f"ffmpeg:              {total:6.1f} CPU s, busiest thread {longest:5.1f} s ({name}): at most {total / longest:.1f} times as fast as on one processor", flush=True)

    sizes = set()
    for jobs in args.jobs:
        folder = out / f"jobs-{jobs}"
        events = args.work / "scaling.ndjson"
        with open(events, "wb") as log:
            threads, wall = watched(ladder.streamgate_command(args.binary, source, folder, "crf", jobs) + ["--json"], log)
        total = sum(seconds for _, seconds in threads.values())
        name, longest = max(threads.values(), key=lambda each: each[1])
        times = stages(events)
        serial = sum(seconds for stage, seconds in times.items() if stage != "encode")
        print(f"streamgate --jobs {jobs}: {total:6.1f} CPU s, busiest thread {longest:5.1f} s ({name}), before and after encoding {serial:.2f} s wall: "
              f"at most {total / (longest + serial):.1f} times; wall {wall:.1f} s", flush=True)
        sizes.add(sum(f.stat().st_size for f in folder.rglob("*.m4s")))
    print("bytes of segments: " + ("the same with every --jobs" if len(sizes) == 1 else f"different: {sorted(sizes)}"))


if __name__ == "__main__":
    main()
