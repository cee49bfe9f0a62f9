#!/usr/bin/env python3
"""Webhooks of `streamgate serve`, verified by the npm package of Standard Webhooks; nothing is lost by kill -9.

    webhooks_test.py STREAMGATE CACHE_FOLDER

Ends with 77 (skipped) where node or the package cannot be had.
"""

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "service"))
from plain_server import PlainServer, until
from npm_packages import packages


class Receiver:
    def __init__(self, folder):
        # It ends with its standard input, whatever becomes of this test.
        self.process = subprocess.Popen(["node", here / "receiver.mjs", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.lines = []
        self.changed = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            one = json.loads(line)
            if "set" in one:
                self.changed += 1
            else:
                self.lines.append(one)

    def set(self, **wanted):
        before = self.changed
        print(json.dumps(wanted), file=self.process.stdin)
        until(lambda: self.changed > before)

    def good(self):
        return [one for one in self.lines if one["status"] == 204]


def put(server, name):
    status, upload = server.call("PUT", f"/v1/uploads/{name}", body=b"bytes")
    assert status == 201, upload
    return upload["id"]


def main(binary, cache):
    receiver = Receiver(packages(here, cache))
    with tempfile.TemporaryDirectory() as folder:
        server = PlainServer(binary, folder, "webhooks: {allow_private_addresses: true}\n")
        try:
            url = f"http://127.0.0.1:{receiver.port}/hook"
            status, hook = server.call("POST", "/v1/webhooks", {"url": url, "types": ["upload.*"]})
            assert status == 201, hook
            receiver.set(secrets=[hook["secret"]])
            first = put(server, "one")
            until(lambda: len(receiver.lines) == 1)
            assert receiver.lines[0]["verified"] == [True], receiver.lines
            assert receiver.lines[0]["event"]["subject"] == first
            assert receiver.lines[0]["id"] == receiver.lines[0]["event"]["id"]

            status, rotated = server.call("POST", f"/v1/webhooks/{hook['id']}/rotate", {"overlap_s": 3600})
            receiver.set(secrets=[hook["secret"], rotated["secret"]])
            put(server, "two")
            until(lambda: len(receiver.lines) == 2)
            assert receiver.lines[1]["verified"] == [True, True], receiver.lines

            # A receiver that is out of order while the service is killed: everything comes in the end, once it answers.
            receiver.set(status=500)
            ids = {put(server, f"three-{i}") for i in range(20)}
            server.kill()
            receiver.set(status=204)
            server.start()
            until(lambda: {one["event"]["subject"] for one in receiver.good()} >= ids, 200)  # the slower a machine, the more attempts have failed, and the longer are the pauses
            assert all(one["verified"] == [True, True] for one in receiver.lines[1:]), receiver.lines

            receiver.set(status=410)
            put(server, "four")
            until(lambda: not server.call("GET", f"/v1/webhooks/{hook['id']}")[1]["enabled"])
        finally:
            server.stop()
            receiver.process.terminate()
    print(f"{len(receiver.lines)} webhooks verified")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
