#!/usr/bin/env python3
"""Pastes the shell blocks of docs/api.md into a shell, in order, against a server: all must work as they stand.

    api_docs_test.py STREAMGATE API.MD
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from job_server import Server, make_film


def main():
    binary, document = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]).read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", document, re.M | re.S)
    assert len(blocks) > 10, "docs/api.md has lost its examples"
    with tempfile.TemporaryDirectory(prefix="streamgate-docs-") as name:
        folder = Path(name)
        (folder / "bin").mkdir()
        (folder / "bin" / "streamgate").symlink_to(binary)
        make_film(folder / "film.mp4", 4)
        server = Server(binary, folder)
        env = dict(os.environ, SERVER=server.url, PATH=f"{folder}/bin:{os.environ['PATH']}")
        env.pop("STREAMGATE_API_KEY", None)
        script = "set -e -o pipefail\n"
        for number, block in enumerate(blocks, 1):
            script += f"echo '--- block {number}'\n{block}"
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=240)
        operations = subprocess.run(["curl", "-sS", f"{server.url}/openapi.json"], capture_output=True, text=True)
        server.stop()
        print(done.stdout[-6000:])
        if done.returncode != 0:
            print(done.stderr[-4000:], file=sys.stderr)
            print("\n".join(server.text().splitlines()[-30:]), file=sys.stderr)
            sys.exit(1)
        # Every operation has an example, but for what a page, a browser or a WebSocket asks for.
        known = {each["operationId"] for path in json.loads(operations.stdout)["paths"].values() for each in path.values() if "operationId" in each}
        known -= {"openEventSocket", "preflightOutput", "preflightClipOutput", "discoverUpload", "getDocsScript", "getDocsStyle"}
        missing = known - set(re.findall(r" operation=(\w+) ", server.text()))
        if missing:
            print(f"docs/api.md has no example of {sorted(missing)}", file=sys.stderr)
            sys.exit(1)


main()
