#!/usr/bin/env python3
"""The job service's own delays, measured over its API.

    job_queue.py STREAMGATE [QUEUED]

1. An idle service: from the submission to the start of the first chunk's child, without the time of the probe itself.
2. QUEUED (10,000) waiting jobs: how long a start takes until the service is ready, and from the end of one job to the lease of the next.
"""

import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "service"))
from job_server import FAST, Server, make_film, until

ROUNDS = 40
SECONDS = 20  # in which jobs follow each other


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def told(name, values, unit="ms"):
    print(f"{name}: median {percentile(values, 0.5):.0f} {unit}, p95 {percentile(values, 0.95):.0f} {unit}, most {max(values):.0f} {unit}")


def store_of(server):
    return sqlite3.connect(next(p for p in server.data.rglob("*.db")))


def events(db, job):
    return [(kind, moment, json.loads(data)) for kind, moment, data in
            db.execute("SELECT type, time, data FROM job_events WHERE subject = ? ORDER BY seq", (job,))]


def idle(server, film):
    jobs = []
    for _ in range(ROUNDS):
        jobs.append(server.submit(film, verify="off"))
        server.wait(jobs[-1])
    server.stop()
    db = store_of(server)
    taken, first = [], []
    for job in jobs:
        (created,) = db.execute("SELECT created FROM jobs WHERE id = ?", (job,)).fetchone()
        moments = {}
        for kind, moment, data in events(db, job):
            moments.setdefault((kind, data.get("task")), moment)
        probe = moments[("task.finished", "plan")] - moments[("task.started", "plan")]
        taken.append(moments[("job.planning", None)] - created)
        first.append(moments[("task.started", "chunk-00000")] - created - probe)
    told("submit to lease", taken)
    told("submit to the first chunk's start, without the probe", first)


def queued(server, film, count):
    document = {"inputs": [{"uri": str(film)}], "preset": "mobile", "set": FAST, "verify": "off"}
    left = count
    while left:
        some = min(left, 1000)
        server.ok("POST", "/v1/jobs/batch", {"jobs": [document] * some})
        left -= some
    server.kill()
    begun = time.monotonic()
    server.start()
    until("ready", lambda: server.curl("GET", "/readyz").status == 200)
    print(f"restart to ready with {count} queued jobs: {time.monotonic() - begun:.2f} s")
    time.sleep(SECONDS)
    metrics = dict(line.rsplit(" ", 1) for line in server.curl("GET", "/metrics").body.decode().splitlines() if line.startswith("streamgate_scheduling_"))
    looks = float(metrics["streamgate_scheduling_seconds_count"])
    quick = float(metrics['streamgate_scheduling_seconds_bucket{le="0.005"}'])
    print(f"a look at the queue and the choice: {1000 * float(metrics['streamgate_scheduling_seconds_sum']) / looks:.2f} ms on average, {100 * quick / looks:.1f} % under 5 ms, {looks:.0f} times")
    server.stop()
    db = store_of(server)
    moments = [(kind, moment) for kind, moment in db.execute(
        "SELECT type, time FROM job_events WHERE type IN ('job.planning', 'job.succeeded') ORDER BY seq")]
    gaps = [b[1] - a[1] for a, b in zip(moments, moments[1:]) if a[0] == "job.succeeded" and b[0] == "job.planning"]
    told(f"end of one job to the lease of the next, {len(gaps)} times", gaps)


def main():
    binary = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "media").mkdir()
        film = make_film(folder / "media" / "film.mp4", seconds=2)
        flags = ["--set", f"jobs.roots=[{folder / 'media'}]"]
        idle(Server(binary, folder, *flags, data="idle"), film)
        queued(Server(binary, folder, *flags, data="queued"), film, count)


if __name__ == "__main__":
    main()
