"""Packages of npm for tests, installed from a lock file into a cache."""

import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77


def packages(here, cache):
    """The folder with node_modules; ends the test as skipped where they cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        print("skipped: no node here")
        sys.exit(SKIPPED)
    folder = Path(cache) / here.name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = (here / "package-lock.json").read_bytes()
    if not (folder / "complete").exists() or (folder / "package-lock.json").read_bytes() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(here / name, folder / name)
        try:
            done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"], cwd=folder, capture_output=True, text=True, timeout=200)
        except subprocess.TimeoutExpired:  # a network that swallows what is sent
            print("skipped: npm does not get the packages within 200 s")
            sys.exit(SKIPPED)
        if done.returncode != 0:
            print(f"skipped: npm cannot install the packages: {done.stderr[-300:]}")
            sys.exit(SKIPPED)
        (folder / "complete").touch()
    return folder.resolve()
