#!/usr/bin/env python3
"""The OpenAPI document of a running service: linted by foreign rules, and its answers held against it.

    openapi_test.py STREAMGATE CACHE_FOLDER

Ends with 77 (skipped) where node or the packages cannot be had.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "service"))
from job_server import Server, make_film
from npm_packages import packages


def main(binary, cache):
    modules = packages(here, cache)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        media = folder / "media"
        media.mkdir()
        film = media / "film.mov"
        film.write_bytes(b"no film")
        good = make_film(media / "good.mov", seconds=1)
        server = Server(binary, folder, "--set", f"jobs.roots=[{media}]")
        answers = []

        def ask(method, path, body=None, pattern=None, *more):
            answer = server.curl(method, path, body, *more)
            answers.append({
                "method": method, "path": pattern or path.split("?")[0], "status": answer.status,
                "body": answer.json() if answer.body else None})
            return answer

        try:
            workers = ask("GET", "/v1/workers").json()
            worker = workers["items"][0]["name"]
            ask("POST", f"/v1/workers/{worker}/drain", None, "/v1/workers/{name}/drain")
            job = ask("POST", "/v1/jobs", {"inputs": [str(film)], "tags": {"a": "b"}}).json()["id"]
            ask("GET", "/v1/jobs")
            ask("GET", "/v1/jobs?limit=x")
            ask("GET", f"/v1/jobs/{job}", None, "/v1/jobs/{id}")
            ask("GET", "/v1/jobs/none", None, "/v1/jobs/{id}")
            ask("PATCH", f"/v1/jobs/{job}", {"priority": "high"}, "/v1/jobs/{id}")
            ask("POST", "/v1/jobs", {"inputs": 1, "presett": 2})
            ask("POST", "/v1/jobs?dryRun=true", {"inputs": [str(film)]})
            ask("POST", "/v1/probe", {"uri": str(film)})
            facts = ask("POST", "/v1/probe", {"uri": str(good)}).json()["facts"]
            assert [stream["codec"] for stream in facts["streams"]] == ["h264", "aac"], facts
            planned = ask("POST", "/v1/jobs?dryRun=true", {"inputs": [str(good)], "preset": "mobile"}).json()
            assert planned["possible"] and planned["prediction"]["media_seconds"] == 1, planned["prediction"]
            ask("POST", "/v1/jobs/batch", {"jobs": [{"inputs": [str(film)]}, {}]})
            ask("POST", f"/v1/jobs/{job}/cancel", None, "/v1/jobs/{id}/cancel")
            ask("POST", f"/v1/jobs/{job}/retry", None, "/v1/jobs/{id}/retry")
            ask("POST", f"/v1/jobs/{job}/clone", {"priority": "low"}, "/v1/jobs/{id}/clone")
            ask("POST", "/v1/jobs/cancel", {"filter": {"state": "queued"}})
            ask("POST", "/v1/jobs/retry", {"filter": {"state": "cancelled"}, "limit": 1})
            ask("GET", "/v1/queues")
            ask("GET", "/v1/presets")
            ask("GET", "/v1/presets/web-hd", None, "/v1/presets/{name}")
            ask("POST", "/v1/presets", {"name": "mine", "extends": "mobile"})
            ask("POST", "/v1/presets/check", {"name": "mine", "video": {"codec": 7}})
            ask("GET", "/v1/webhooks")
            ask("GET", "/v1/uploads")
            ask("GET", "/v1/channels")
            ask("GET", f"/v1/jobs/{job}/outputs", None, "/v1/jobs/{id}/outputs")
            ask("GET", "/v1/keys")
            ask("GET", "/v1/audit")
            ask("GET", "/problems")
            (folder / "openapi.json").write_bytes(server.ok("GET", "/openapi.json").body)
        finally:
            server.stop()
        (folder / "answers").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
        return subprocess.run(["node", here / "check.mjs", modules, folder / "openapi.json", folder / "answers"], timeout=120).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
