"""Players in headless Chromium that watch a server; what they need of npm is fetched. Standard library only."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading
import time
import urllib.request
from pathlib import Path

here = Path(__file__).resolve().parent
PACKAGES = {  # never installed, nothing of them is run but what is named below
    "playwright-core": ("1.65.1", "86a3e9cfb6e548c3f1595768784d728814b35ec2a254e77693e9230af994cb00f618f3b60ddf477dc5a7abd34dd061db3590c5819f497c116bf97e7f04ba34ab"),
    "dashjs": ("5.2.1", "6b170998b78909324c2d47d0444ad4241d4a3a253988717e0cc2c173714a7a8c751cf62d1944250ba5e6e4c9babe10544770871cb20f3aac3424322a32d3fe0f"),
    # Not 5.1 or 5.2: docs/live.md, "Players".
    "shaka-player": ("5.0.9", "637f75fbc8191e92d81a4898998fe31ce7c740a4171eb475a29f9ac0010ec67dc100bb248c3bb2a2d78dc1f17215272e40ea8a222ab43b43e33ded4d7c78be59"),
}
# (package, script, what is played, settings); hls.js is that of the server's own page.
PLAYERS = {
    "dash.js": ("dashjs", "dist/modern/umd/dash.all.min.js", "manifest.mpd", {}),
    "shaka": ("shaka-player", "dist/shaka-player.compiled.js", "index.m3u8", {"streaming": {"lowLatencyMode": True}}),
}


class Skip(Exception):
    pass


def fetch(name, cache):
    """node_modules/NAME in `cache`, by npm where it is there, for its mirror and proxy settings."""
    version, wanted = PACKAGES[name]
    folder = cache / "node_modules" / name
    if (folder / "package.json").exists() and json.loads((folder / "package.json").read_text())["version"] == version:
        return folder
    archive = cache / f"{name}-{version}.tgz"
    cache.mkdir(parents=True, exist_ok=True)
    if shutil.which("npm"):
        try:
            subprocess.run(["npm", "pack", "--silent", "--fetch-retries=0", f"{name}@{version}"], cwd=cache, timeout=60, capture_output=True)
        except subprocess.TimeoutExpired:
            pass
    if not archive.exists():
        try:
            with urllib.request.urlopen(f"https://registry.npmjs.org/{name}/-/{name}-{version}.tgz", timeout=30) as answer:
                archive.write_bytes(answer.read())
        except OSError as error:
            raise Skip(f"{name} {version} cannot be fetched: {error}")
    found = hashlib.sha512(archive.read_bytes()).hexdigest()
    if found != wanted:
        archive.unlink()
        raise Skip(f"{name} {version} has another hash than it was published with: {found}")
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(cache / "unpacked")
    folder.parent.mkdir(exist_ok=True)
    os.rename(cache / "unpacked" / "package", folder)
    archive.unlink()
    return folder


class Server:
    def __init__(self, binary, folder, *settings):
        self.path = folder / "serve.log"
        self.process = subprocess.Popen([binary, "serve", "--rtmp", "127.0.0.1:0", "--srt", "off", "--http", "127.0.0.1:0", *settings], stderr=open(self.path, "w"), cwd=folder)
        deadline = time.monotonic() + 20
        while "http://" not in (text := self.path.read_text()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"the server did not start: {text}")
            time.sleep(0.05)
        self.rtmp = int(re.search(r"rtmp://[^:]*:(\d+)", text)[1])
        self.http = f"http://127.0.0.1:{re.search(r'http://[^:]*:([0-9]+)', text)[1]}"

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)


class Viewers:
    """One page for each of `players`: "hls.js", "dash.js" or "shaka", all watching live/CHANNEL. `seen` and `errors` grow by player."""

    def __init__(self, server, channel, players, cache, folder, seconds, code=None):
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        node = shutil.which("node")
        if chromium is None or node is None:
            raise Skip("neither can be done without chromium and node (tools/setup browser)")
        pages = []
        for name in players:
            if name == "hls.js":
                with urllib.request.urlopen(server.http + "/player/hls.js") as answer:
                    if len(answer.read()) < 10000:
                        raise Skip("this build is without hls.js: it could not be fetched")
                pages.append({"name": name, "url": f"{server.http}/#live/{channel}"})
                continue
            package, script, source, config = PLAYERS[name]
            pages.append({"name": name, "player": name, "script": str(fetch(package, cache) / script), "source": f"{server.http}/live/{channel}/{source}", "config": config})
        setup = {"modules": str(fetch("playwright-core", cache).parent.parent), "chromium": chromium, "seconds": seconds, "pages": pages, "code": code}
        (folder / "watch.json").write_text(json.dumps(setup))
        self.seen = {name: [] for name in players}
        self.errors = {name: [] for name in players}
        self.process = subprocess.Popen([node, here / "watch.mjs", folder / "watch.json"], stdout=subprocess.PIPE, stderr=open(folder / "watch.log", "w"), text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            said = json.loads(line)
            if "started" in said:
                self.seen[said["page"]].append(said)
            else:
                self.errors[said["page"]].append(str({k: v for k, v in said.items() if k != "page"}))

    def wait_started(self, seconds=25):
        """Whether all play."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if all(s and s[-1]["started"] for s in self.seen.values()):
                return True
            time.sleep(0.1)
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
