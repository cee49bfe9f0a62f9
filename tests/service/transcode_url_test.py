#!/usr/bin/env python3
"""`streamgate transcode` with inputs that are addresses.

    transcode_url_test.py STREAMGATE
"""

import functools
import hashlib
import http.server
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from job_server import FAST, Failed, make_film


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def check(so, what, done):
    if not so:
        raise Failed(f"{what}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}")


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "www").mkdir()
        make_film(folder / "www" / "my film.mp4", seconds=2)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder / "www"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        flags = [word for key, value in FAST.items() for word in ("--set", f"{key}={value}")]

        def transcode(url, out):
            return subprocess.run([binary, "transcode", url, "-o", str(folder / out), "--preset", "mobile", *flags],
                                  capture_output=True, text=True, timeout=120, cwd=folder)

        done = transcode(f"{root}/my%20film.mp4?token=secret", "out")
        check(done.returncode == 0 and (folder / "out" / "index.m3u8").exists(), "it is transcoded", done)
        check("secret" not in done.stdout + done.stderr, "what the address carries is not told", done)
        check(not (folder / "out" / ".streamgate-fetched").exists(), "the fetched file is gone", done)

        # What a run that was killed has fetched from another place, under the same name.
        (folder / "www" / "b").mkdir()
        make_film(folder / "www" / "b" / "my film.mp4", seconds=3)
        folder_b, made = folder / "out_b", folder / "out_b" / ".streamgate-fetched"
        for left in (made / "0", made / hashlib.sha256(f"{root}/my%20film.mp4".encode()).hexdigest()[:32]):
            left.mkdir(parents=True)
            shutil.copy(folder / "www" / "my film.mp4", left / "my film.mp4")
        done = transcode(f"{root}/b/my%20film.mp4", "out_b")
        check(done.returncode == 0 and not made.exists(), "the right one is fetched", done)
        check("mediaPresentationDuration=\"PT3" in (folder_b / "manifest.mpd").read_text(), "of three seconds", done)

        done = transcode(f"{root}/none.mp4", "none")
        check(done.returncode == 3 and "none.mp4" in done.stderr, "a missing one is told", done)
        done = transcode("upload:u1", "upload")
        check(done.returncode != 0 and "server" in done.stderr, "uploads need a server", done)
    print("ok")


if __name__ == "__main__":
    main()
