#!/usr/bin/env python3
"""`streamgate transcode`, killed at each of its changes to the file system in turn, and resumed. The same presentation must
come of it, no finished chunk may be made again, and nothing else may stay.

    crash_points_test.py STREAMGATE
"""

import collections
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from job_server import FAST, Failed, make_film

# What changes names and lengths; writes are many, so some of them.
CALLS = ["mkdir", "rename", "link", "unlink", "unlinkat", "rmdir", "fsync", "write"]
MOST = 60
SKIPPED = 77


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def chunks(output):
    events = (json.loads(line) for line in output.splitlines() if line.startswith("{"))
    return {event["data"]["chunk"] for event in events if event["type"] == "chunk.done"}


class Points:
    def __init__(self, binary, folder):
        self.binary, self.folder = Path(binary).resolve(), Path(folder)
        self.film = make_film(self.folder / "film.mp4", seconds=5, size="160x90")
        self.settings = [word for key, value in FAST.items() for word in ("--set", f"{key}={value}")]
        self.kills = 0

    def words(self, out, *more):
        return [str(self.binary), "transcode", str(self.film), "-o", str(out), "--preset", "mobile", "--json", "--jobs", "2",
                *self.settings, *more]

    def run(self, words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise Failed(f"{words}\nexit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr}")
        return done

    def check(self, title, flags, earlier=None):
        """With `earlier`: a folder whose presentation is overwritten."""
        whole, out = self.folder / "whole", self.folder / "out"
        self.run(self.words(whole))
        expected = digests(whole)

        def fresh():
            shutil.rmtree(out, ignore_errors=True)
            if earlier:
                shutil.copytree(earlier, out)

        fresh()
        trace = self.folder / "trace"
        self.run(["strace", "-qq", "-o", str(trace), "-e", f"trace={','.join(CALLS)}", *self.words(out, *flags)])
        counts = collections.Counter(re.findall(r"^(\w+)\(", trace.read_text(), re.M))
        before = self.kills
        for call in CALLS:
            for when in range(1, counts[call] + 1, max(1, counts[call] // MOST)):
                fresh()
                killed = subprocess.run(
                    ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}",
                     *self.words(out, *flags)], capture_output=True, text=True, timeout=300)
                if killed.returncode == 0:  # fewer calls this time
                    continue
                self.kills += 1
                where = f"{title}: killed at {call} {when}"
                nothing_begun = earlier and not (out / ".streamgate").exists() and digests(out) == digests(earlier)
                resumed = self.run(self.words(out, "--resume"))
                if chunks(killed.stdout) & chunks(resumed.stdout):
                    raise Failed(f"{where}: made again: {chunks(killed.stdout) & chunks(resumed.stdout)}")
                if nothing_begun:
                    continue
                found = digests(out)
                if found != expected:
                    raise Failed(f"{where}: differs: {sorted(set(found.items()) ^ set(expected.items()))[:6]}")
        if self.kills == before:
            raise Failed(f"{title}: nothing was killed")
        shutil.rmtree(whole)


def main():
    if shutil.which("strace") is None or subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"]).returncode != 0:
        print("no strace here, or it may not trace")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        points = Points(sys.argv[1], folder)
        points.check("once", [])
        points.check("early", ["--publish", "early"])
        earlier = points.folder / "earlier"
        points.run(points.words(earlier, "--set", "video.ladder=[{name: other, width: 96, height: 54}]"))
        points.check("overwrite", ["--overwrite"], earlier)
        points.check("overwrite early", ["--overwrite", "--publish", "early"], earlier)
        print(f"ok: killed {points.kills} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
