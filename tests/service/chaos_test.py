#!/usr/bin/env python3
"""`kill -9`, again and again, of the service and of its task children while a batch of small jobs runs: every job must end
succeeded exactly once, with the bytes of an undisturbed run, and nothing may be left behind.

    chaos_test.py STREAMGATE [JOBS [KILLS [SEED]]]
"""

import hashlib
import os
import random
import re
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from job_server import Failed, Server, make_film, until

FILMS = 5
ENDED = ("succeeded", "failed", "cancelled")


def digests(folder):
    """Relative path to digest of every file. Playlists and manifests name nothing of the job."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            pass
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


class Chaos:
    def __init__(self, binary, folder, jobs, kills, seed):
        self.random = random.Random(seed)
        self.folder, self.jobs, self.kills = folder, jobs, kills
        (folder / "media").mkdir()
        self.films = [make_film(folder / "media" / f"film-{i}.mp4", seconds=3 + i, rate=25, tone=300 + 50 * i) for i in range(FILMS)]
        self.flags = ["--set", f"jobs.roots=[{folder / 'media'}]", "--log-level", "info"]
        self.binary = binary
        self.service_kills = self.task_kills = 0

    def undisturbed(self):
        server = Server(self.binary, self.folder, *self.flags, data="calm")
        try:
            ids = [server.submit(film) for film in self.films]
            for job in ids:
                state = server.wait(job)
                if state["state"] != "succeeded":
                    raise Failed(f"undisturbed {job}: {state}")
            return [digests(server.data / "outputs" / job) for job in ids]
        finally:
            server.stop()

    def ended(self):
        """Counted by the service's own totals; a service that is just being started tells nothing."""
        try:
            listed = self.server.ok("GET", "/v1/jobs?limit=1000").json()
        except Failed:
            return 0
        jobs = listed["items"]
        return sum(1 for job in jobs if job["state"] in ENDED)

    def strike(self):
        tasks = children(self.server.process.pid)
        if tasks and self.random.random() < 0.6:
            if kill(self.random.choice(tasks)):
                self.task_kills += 1
                return
        self.server.kill()
        self.service_kills += 1
        self.server.start()

    def submit(self):
        film = len(self.ids) % FILMS
        self.ids.append((self.server.submit(self.films[film]), film))

    def run(self):
        expected = self.undisturbed()
        self.server = Server(self.binary, self.folder, *self.flags, data="chaos")
        self.ids = []
        for _ in range(self.jobs):
            self.submit()
        begun = time.monotonic()
        while (strikes := self.service_kills + self.task_kills) < self.kills:
            done = self.ended()
            # A machine that works faster than it is struck gets more to do.
            if len(self.ids) - done < 2 and len(self.ids) < 10 * self.jobs:
                self.submit()
            # As many kills at any time as there is work done, so that they are spread over the batch.
            if strikes * self.jobs > (done + 2) * self.kills:
                time.sleep(self.random.uniform(0.02, 0.3))
                continue
            time.sleep(self.random.uniform(0, 0.15))
            self.strike()
        until("the batch ends", lambda: self.ended() == len(self.ids), 900)
        print(f"{len(self.ids)} jobs, {self.service_kills} kills of the service and {self.task_kills} of tasks in {time.monotonic() - begun:.0f} s")

        for job, film in self.ids:
            state = self.server.job(job)
            if state["state"] != "succeeded":
                raise Failed(f"{job} is {state['state']}: {state}")
            made = digests(self.server.data / "outputs" / job)
            if made != expected[film]:
                different = [name for name in sorted(set(made) | set(expected[film])) if made.get(name) != expected[film].get(name)]
                raise Failed(f"{job}: differs from the undisturbed run in {different}")
        until("work folders are gone", lambda: not list((self.server.data / "work").iterdir()), 30)
        until("no task is left", lambda: not children(self.server.process.pid), 30)
        self.server.stop()
        self.check_disk()
        self.check_store()

    def check_disk(self):
        folders = sorted(path.name for path in (self.server.data / "outputs").iterdir())
        if folders != sorted(job for job, _ in self.ids):
            raise Failed(f"outputs has {folders}")
        stray = [str(path) for path in self.server.data.rglob("*")
                 if path.name in ("attempts", "stage", ".streamgate") or path.suffix in (".tmp", ".part")]
        if stray:
            raise Failed(f"left behind: {stray}")

    def check_store(self):
        (path,) = [p for p in self.server.data.rglob("*.db") if p.is_file()][:1]
        db = sqlite3.connect(path)
        for job, _ in self.ids:
            ends = db.execute("SELECT type FROM job_events WHERE subject = ? AND type IN ('job.succeeded', 'job.failed', 'job.cancelled')",
                              (job,)).fetchall()
            if ends != [("job.succeeded",)]:
                raise Failed(f"{job} ended as {ends}")
            attempts = db.execute("SELECT a.outcome, a.ended FROM job_attempts a JOIN jobs j ON j.seq = a.job WHERE j.id = ? ORDER BY a.number",
                                  (job,)).fetchall()
            if [a for a, _ in attempts].count("succeeded") != 1 or attempts[-1][0] != "succeeded" or any(end == 0 for _, end in attempts):
                raise Failed(f"{job}: attempts {attempts}")
            # Nothing was written for it after its end.
            after = db.execute("SELECT type FROM job_events WHERE subject = ? AND seq > (SELECT max(seq) FROM job_events WHERE subject = ? AND "
                               "type = 'job.succeeded')", (job, job)).fetchall()
            if after:
                raise Failed(f"{job}: {after} after its end")
            tasks = db.execute("SELECT t.name, t.state FROM job_tasks t JOIN jobs j ON j.seq = t.job WHERE j.id = ? AND t.state <> 'succeeded'",
                               (job,)).fetchall()
            if tasks:
                raise Failed(f"{job}: tasks {tasks}")


def main():
    binary = sys.argv[1]
    jobs, kills, seed = (int(word) for word in (sys.argv[2:] + ["50", "200", "1"][len(sys.argv) - 2:])[:3])
    folder = Path(tempfile.mkdtemp(prefix="sg-chaos-"))
    print(f"seed {seed}, folder {folder}")
    try:
        Chaos(binary, folder, jobs, kills, seed).run()
    except Exception:
        traceback.print_exc()
        log = folder / "serve.log"
        if log.exists():
            print("\n".join(re.findall(r".*(?:error|warn).*", log.read_text(errors="replace"))[-40:]))
        return 1
    finally:
        for server in Server.started:
            if server.process.poll() is None:
                server.kill()
    os.system(f"rm -rf '{folder}'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
