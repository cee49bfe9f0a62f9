"""What the benchmarks share: timing a process tree, medians, the machine's description. Standard library only."""

import os
import platform
import resource
import statistics
import subprocess
import threading
import time
from pathlib import Path


def describe():
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // (1 << 20)
    return f"{os.cpu_count()} x {model}, {memory} GB, Linux {platform.release()}"


def _tree(root):
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
            except (OSError, IndexError):
                pass
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, []))
    return found


def _pss(pid):
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


class Run:
    def __init__(self, wall, cpu, peak_kb):
        self.wall, self.cpu, self.peak_kb = wall, cpu, peak_kb


def run(command, sample_memory=True, log=None, sample_every=0.2):
    """One run: wall and processor seconds of the whole tree, peak proportional memory of the tree in kB (sampled)."""
    out = open(log, "ab") if log else subprocess.DEVNULL
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    peak, done = [0], threading.Event()

    def watch():
        while not done.wait(sample_every):
            peak[0] = max(peak[0], sum(_pss(pid) for pid in _tree(process.pid)))

    watcher = threading.Thread(target=watch, daemon=True)
    if sample_memory:
        watcher.start()
    code = process.wait()
    wall = time.monotonic() - begun
    done.set()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code != 0:
        raise SystemExit(f"exit code {code}: {' '.join(map(str, command))}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(wall, cpu, peak[0])


def median(values):
    return statistics.median(values)
