#!/usr/bin/env python3
"""The job service as its users meet it: `streamgate serve`, curl, and the commands that speak to a server.

    job_service_test.py STREAMGATE [CASE...]
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from job_server import FAST, Failed, Server, make_film, until

BINARY = ""
FILM = None
LONG = None  # takes a while also where machines are fast
ENDLESS = None  # takes longer than any test waits for it
CASES = []


def case(function):
    CASES.append(function)
    return function


def check(condition, words):
    if not condition:
        raise Failed(words)


class Events(threading.Thread):
    """Reads server-sent events with curl until told to stop."""

    def __init__(self, server, path):
        super().__init__(daemon=True)
        self.events, self.times = [], []
        words = ["curl", "-sS", "-N", server.url + path]
        if server.key:
            words += ["-H", f"Authorization: Bearer {server.key}"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.start()

    def run(self):
        for line in self.process.stdout:
            if line.startswith("data:"):
                self.events.append(json.loads(line[5:]))
                self.times.append(time.time())

    def types(self):
        return [event["type"] for event in self.events]

    def stop(self):
        self.process.kill()
        self.process.wait()


def is_ready_for(pid, number):
    """Whether the process catches or blocks the signal: it does not before it has started."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return (int(status["SigBlk"], 16) | int(status["SigCgt"], 16)) >> (number - 1) & 1


def goes_on(server, job, *outcomes):
    """A job that was running when the service ended, and would for long: its next attempt gets further."""
    def chunks():
        return sum(t["name"].startswith("chunk") and t["state"] == "succeeded" for t in server.job(job)["tasks"])

    server.wait(job, "running")
    attempts = server.job(job)["attempts"]
    check(len(attempts) == 2 and attempts[0]["outcome"] in outcomes, f"{attempts}")
    before = chunks()
    until("it goes on", lambda: chunks() > before)
    server.ok("POST", f"/v1/jobs/{job}/cancel")
    check(server.wait(job)["state"] == "cancelled", "cancelled")


@case
def submits_watches_and_downloads(folder):
    server = Server(BINARY, folder)
    stream = Events(server, "/v1/events?after=0")
    try:
        film = FILM
        made = server.ok("POST", "/v1/jobs", {"inputs": [{"uri": str(film)}], "preset": "mobile", "set": FAST, "tags": {"show": "news"}, "external_id": "ep-1"})
        check(made.status == 201, f"201, not {made.status}")
        job = made.json()["id"]
        check(made.headers["location"] == f"/v1/jobs/{job}", "Location")
        done = server.wait(job)
        check(done["state"] == "succeeded", f"{done['state']}: {done['message']}")
        check(done["external_id"] == "ep-1" and done["tags"] == {"show": "news"}, "tags")
        check(len(done["attempts"]) == 1, "one attempt")
        until("the last event", lambda: "job.succeeded" in stream.types())
        types = stream.types()
        for wanted in ("job.queued", "job.planning", "job.running", "job.verifying", "job.publishing", "task.started", "task.finished"):
            check(wanted in types, f"{wanted} is missing of {types}")
        order = [types.index(name) for name in ("job.queued", "job.planning", "job.running", "job.succeeded")]
        check(order == sorted(order), f"order of {types}")
        # What it published plays from the server, and is what verify wants.
        listed = server.ok("GET", f"/v1/jobs/{job}/outputs").json()
        check(any("index.m3u8" in json.dumps(item) for item in listed["items"]), f"{listed}")
        done = server.cli("verify", f"{server.url}/v1/jobs/{job}/outputs/index.m3u8")
        check(done.returncode == 0, f"verify: {done.stdout} {done.stderr}")
        shown = server.cli("jobs", "list", "--json", check=0)
        check([item["id"] for item in json.loads(shown.stdout)["items"]] == [job], shown.stdout)
        check(job in server.cli("jobs", "show", job, check=0).stdout, "jobs show")
        check("job.succeeded" in server.cli("logs", job, check=0).stdout, "logs")
    finally:
        stream.stop()
    check(server.stop() == 0, "SIGTERM ends it with 0")


@case
def submit_command_waits_as_transcode_does(folder):
    server = Server(BINARY, folder)
    flags = [word for key, value in FAST.items() for word in ("--set", f"{key}={value}")]
    done = server.cli("submit", "film.mp4", "-p", "mobile", *flags, "-o", "made", "--wait", check=0)
    check("succeeded" in done.stdout, done.stdout)
    check((folder / "made" / "index.m3u8").exists(), "made/index.m3u8")
    check("film" in done.stderr and "encode" in done.stderr, f"progress: {done.stderr}")
    # By upload, as if the server were elsewhere; then many at once.
    done = server.cli("submit", "film.mp4", "-p", "mobile", *flags, "--upload", "--wait", "--json", check=0)
    types = [json.loads(line)["type"] for line in done.stdout.splitlines()]
    check(types[-1] == "job.succeeded", f"{types}")
    (folder / "films.csv").write_text("input,name\nfilm.mp4,one\nfilm.mp4,two\nmissing.mp4,three\n")
    done = server.cli("submit", "--manifest", "films.csv", "-p", "mobile", *flags, "--wait")
    check(done.returncode == 1, f"one of three is refused: {done.returncode} {done.stderr}")
    check("three" in done.stderr and done.stdout.count("succeeded") == 2, f"{done.stdout} {done.stderr}")
    # A preset of one's own travels in the document.
    (folder / "mine.yaml").write_text("name: mine\nversion: 3\nextends: mobile\nvideo: {speed: ultrafast, ladder: [{name: s, width: 160, height: 90}]}\n")
    server.cli("submit", "film.mp4", "-p", "mine.yaml", "--wait", "-q", check=0)
    # A time-out leaves the job alone.
    done = server.cli("submit", str(ENDLESS), "-p", "mobile", *flags, "--wait", "--timeout", "1s", "-q")
    check(done.returncode == 124, f"124, not {done.returncode}: {done.stderr}")
    job = json.loads(server.cli("jobs", "list", "-n", "1", "--json", check=0).stdout)["items"][0]["id"]
    check(server.state(job) != "cancelled", "it goes on")
    server.cli("cancel", job, "--reason", "enough", check=0)
    check(server.cli("watch", job, "-q").returncode == 1, "watch tells that it did not succeed")
    # Ctrl-C as well.
    job = server.submit(ENDLESS)
    watching = subprocess.Popen([BINARY, "watch", job, "-q", "--server", server.url], stderr=subprocess.PIPE, text=True)
    until("watch is ready for Ctrl-C", lambda: is_ready_for(watching.pid, signal.SIGINT))
    watching.send_signal(signal.SIGINT)
    _, words = watching.communicate(timeout=60)
    check(watching.returncode == 130 and "goes on" in words, f"{watching.returncode} {words}")
    server.cli("cancel", job, check=0)
    server.stop()


@case
def goes_on_after_kill_9(folder):
    server = Server(BINARY, folder)
    job = server.submit(LONG)
    until("some chunks are done", lambda: sum(t["name"].startswith("chunk") and t["state"] == "succeeded" for t in server.job(job)["tasks"]) >= 2)
    before = {t["name"] for t in server.job(job)["tasks"] if t["state"] == "succeeded"}
    server.kill()
    server.start()
    done = server.wait(job)
    check(done["state"] == "succeeded", f"{done['state']}: {done['message']}")
    check(len(done["attempts"]) == 2, f"attempts: {done['attempts']}")
    check(done["attempts"][0]["outcome"] == "lost", f"{done['attempts'][0]}")
    again = [t["name"] for t in done["tasks"] if t["name"] in before and t["name"].startswith("chunk") and t["attempt"] > 1]
    check(not again, f"done twice: {again}")
    check(server.cli("verify", str(server.data / "outputs" / job)).returncode == 0, "verify")
    server.stop()


@case
def drains_and_hands_back(folder):
    server = Server(BINARY, folder, "--set", "drain.jobs=1s")
    job = server.submit(ENDLESS)
    server.wait(job, "running")
    check(server.stop() == 0, "SIGTERM ends it with 0")
    server.start()
    goes_on(server, job, "handed_back")
    # Drained by hand nothing begins; what is sent is kept.
    server.cli("drain", check=0)
    job = server.submit(FILM)
    check(server.curl("GET", "/readyz").status == 503, "not ready while it drains")
    time.sleep(0.5)
    check(server.state(job) == "queued", server.state(job))
    server.cli("drain", "--resume", check=0)
    check(server.wait(job)["state"] == "succeeded", "after --resume")
    server.stop()


@case
def second_signal_is_immediate(folder):
    server = Server(BINARY, folder, "--set", "drain.jobs=1h")
    job = server.submit(ENDLESS)
    server.wait(job, "running")
    server.process.send_signal(signal.SIGTERM)
    until("it drains", lambda: "stopping" in server.text())
    time.sleep(0.3)
    check(server.process.poll() is None, "the first one waits")
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(60)  # the second does not: its job lasts for longer
    server.flags = ()
    server.start()
    goes_on(server, job, "handed_back", "lost")
    server.stop()


@case
def once_for_an_idempotency_key(folder):
    server = Server(BINARY, folder)
    document = {"inputs": [{"uri": str(FILM)}], "preset": "mobile", "set": FAST}
    one = server.ok("POST", "/v1/jobs", document, "-H", "Idempotency-Key: k1").json()["id"]
    two = server.ok("POST", "/v1/jobs", document, "-H", "Idempotency-Key: k1").json()["id"]
    check(one == two, "the same job")
    other = server.curl("POST", "/v1/jobs", {**document, "preset": "web-hd"}, "-H", "Idempotency-Key: k1")
    check(other.status == 422 and other.json()["code"] == "idempotency_key_reused", f"{other.status} {other.body}")
    server.kill()
    server.start()
    three = server.ok("POST", "/v1/jobs", document, "-H", "Idempotency-Key: k1").json()["id"]
    check(three == one, "also after a kill")
    # Cancel, retry.
    long = server.submit(LONG)
    server.wait(long, "running")
    server.ok("POST", f"/v1/jobs/{long}/cancel", {"reason": "wrong film"})
    ended = server.wait(long)
    check(ended["state"] == "cancelled" and "wrong film" in ended["message"], f"{ended['state']} {ended['message']}")
    again = server.curl("POST", f"/v1/jobs/{one}/retry")
    server.wait(one)
    check(again.status in (200, 409), f"{again.status}")
    server.cli("retry", long, check=0)
    check(server.wait(long)["state"] == "succeeded", "retried")
    server.stop()


@case
def keys_and_owners(folder):
    server = Server(BINARY, folder, "--set", "api.authentication=on", "--set", f"jobs.roots=[{FILM.parent}]")
    check(server.curl("GET", "/v1/jobs").status == 401, "401 without a key")
    check(server.curl("GET", "/v1/jobs", key="sgk_wrong").status == 401, "401 with a wrong one")
    server.key = (server.data / "admin.key").read_text().strip()
    keys = {name: server.cli("keys", "create", name, "--role", "submitter", "--owner", name, check=0).stdout.strip() for name in ("ann", "bob")}
    admin, server.key = server.key, keys["ann"]
    job = server.submit(FILM)
    check(server.wait(job)["state"] == "succeeded", "ann's job")
    check(server.curl("GET", f"/v1/jobs/{job}", key=keys["bob"]).status == 404, "bob sees nothing of it")
    check(server.ok("GET", "/v1/jobs", key=keys["bob"]).json()["items"] == [], "nor in his list")
    check(server.curl("POST", "/v1/keys", {"name": "x", "owner": "x", "role": "admin"}).status == 403, "no keys by a submitter")
    check(server.curl("GET", "/v1/channels").status == 403, "no channels by a submitter")
    server.key = admin
    listed = json.loads(server.cli("keys", "list", "--json", check=0).stdout)["items"]
    bob = next(key["id"] for key in listed if key["name"] == "bob")
    successor = server.cli("keys", "rotate", bob, "--overlap", "1h", check=0).stdout.strip()
    check(server.curl("GET", "/v1/jobs", key=keys["bob"]).status == 200, "the old one goes on")
    check(server.curl("GET", "/v1/jobs", key=successor).status == 200, "and the new one works")
    server.cli("keys", "revoke", bob, check=0)
    check(server.curl("GET", "/v1/jobs", key=keys["bob"]).status == 401, "revoked")
    check("good" in server.cli("audit", "verify", check=0).stdout, "the audit log")
    server.cli("audit", "export", "-o", "audit.ndjson", check=0)
    entries = (folder / "audit.ndjson").read_text()
    check("revokeKey" in entries and successor not in entries, "entries without secrets")
    server.cli("audit", "verify", "audit.ndjson", "--audit-key", str(server.data / "audit.key"), check=0)
    (folder / "audit.ndjson").write_text(entries.replace("revokeKey", "rotateKey"))
    check(server.cli("audit", "verify", "audit.ndjson", "--audit-key", str(server.data / "audit.key")).returncode == 1, "an edit is found")
    check(all(key not in server.text() for key in (*keys.values(), successor, admin)), "no key in the log")
    server.stop()


@case
def refuses_what_it_must(folder):
    server = Server(BINARY, folder)
    film = FILM
    (folder / "way-out").symlink_to("/etc")

    def refused(status, code, document, pointer=None):
        answer = server.curl("POST", "/v1/jobs", document)
        problem = answer.json()
        check(answer.status == status and problem["code"] == code, f"{document}: {answer.status} {problem}")
        check(answer.headers["content-type"] == "application/problem+json", "problem+json")
        if pointer:
            check(problem["pointer"] == pointer, f"{problem}")

    good = {"inputs": [{"uri": str(film)}], "preset": "mobile"}
    refused(400, "malformed_json", "{")
    refused(422, "unknown_field", {**good, "presett": "x"}, "/presett")
    refused(422, "wrong_type", {**good, "quality": "yes"}, "/quality")
    for uri in ("/etc/passwd", str(folder / "way-out" / "passwd"), str(folder / ".." / ".." / "etc" / "passwd")):
        answer = server.curl("POST", "/v1/jobs", {"inputs": [{"uri": uri}]})
        check(answer.status == 422, f"{uri}: {answer.status} {answer.body}")
        check(b"root:" not in answer.body, "nothing of the file")
    for uri in ("http://127.0.0.1:1/x.mp4", "http://[::1]/x", "http://169.254.169.254/latest", "file:///etc/passwd"):
        answer = server.curl("POST", "/v1/jobs", {"inputs": [{"uri": uri}]})
        check(answer.status == 422, f"{uri}: {answer.status} {answer.body}")
    check(server.curl("POST", "/v1/jobs", "x" * (20 << 20)).status == 413, "too large")
    check(server.curl("GET", "/v1/jobs?stat=running").status == 400, "an unknown parameter")
    check(server.curl("GET", "/v1/nothing").status == 404, "no such path")
    check(server.curl("DELETE", "/v1/jobs").status == 405, "no such method")
    # Commands say it in their own words.
    words = server.cli("submit", "nothing.mp4").stderr
    check("nothing.mp4" in words, words)
    check(server.cli("submit", "film.mp4", "--priorty", "high").returncode == 2, "usage")
    check("did you mean --priority" in server.cli("submit", "film.mp4", "--priorty", "high").stderr, "a hint")
    check(server.cli("submit").returncode == 2, "no input")
    check(server.cli("submit", "film.mp4", "--timeout", "3s").returncode == 2, "--timeout needs --wait")
    check(server.cli("jobs", "show", "job_none").returncode == 1, "no such job")
    gone = subprocess.run([BINARY, "jobs", "list", "--server", "http://127.0.0.1:9"], capture_output=True, text=True)
    check(gone.returncode == 3 and "cannot reach the server" in gone.stderr, f"{gone.returncode} {gone.stderr}")
    check(subprocess.run([BINARY, "jobs", "list", "--server", "tcp://x"], capture_output=True).returncode == 2, "no address")
    second = subprocess.run([BINARY, "serve", "--rtmp", "off", "--srt", "off", "--http", "127.0.0.1:0", "--data", str(server.data)], capture_output=True, text=True, timeout=60)
    check(second.returncode == 2 and "another" in second.stderr, f"two services of one folder: {second.returncode} {second.stderr}")
    server.stop()


@case
def channels_by_api(folder):
    server = Server(BINARY, folder)
    made = server.ok("PUT", "/v1/channels/live/one", {"inputs": [{"kind": "test-card", "name": "card"}], "output": {"segment": "1s", "part": "200ms"}, "restream": [{"name": "cdn", "url": "rtmp://127.0.0.1:9/live/secret-key"}]})
    check(made.status == 201 and b"secret-key" not in made.body, f"{made.body}")
    until("it is on air", lambda: server.ok("GET", "/v1/channels/live/one").json()["state"] == "live")
    check(b"#EXTM3U" in server.ok("GET", "/live/one/index.m3u8").body, "it plays")
    etag = made.headers["etag"]
    document = server.ok("GET", "/v1/channels/live/one").json()["settings"]
    document["keep_ended"] = "10s"
    check(server.curl("PUT", "/v1/channels/live/one", document, "-H", 'If-Match: "77"').status == 412, "another version")
    changed = server.ok("PUT", "/v1/channels/live/one", document, "-H", f"If-Match: {etag}")
    check(changed.headers["etag"] != etag, "a new ETag")
    # Back after a kill, with its secret, which no answer shows.
    server.kill()
    server.start()
    until("it is on air again", lambda: server.ok("GET", "/v1/channels/live/one").json()["state"] == "live")
    server.ok("POST", "/v1/channels/live/one/stop")
    until("it has ended", lambda: server.ok("GET", "/v1/channels/live/one").json()["state"] in ("ended", "stopped"))
    server.ok("POST", "/v1/channels/live/one/start")
    until("it is on air once more", lambda: server.ok("GET", "/v1/channels/live/one").json()["state"] == "live")
    check(server.curl("POST", "/v1/channels/live/one/switch", {"input": "nothing"}).status == 422, "no such input")
    server.ok("POST", "/v1/channels/live/one/switch", {"input": "card"})
    bad = server.curl("PUT", "/v1/channels/live/two", {"output": {"prat": "1s"}})
    check(bad.status == 422 and bad.json()["pointer"] == "/output/prat", f"{bad.body}")
    check(server.curl("PUT", "/v1/channels/live/two", {"slate": {"enabled": True, "image": "/etc/passwd"}}).status == 422, "outside of the roots")
    other = server.curl("PUT", "/v1/channels/elsewhere/x", {})
    check(other.status == 422 and other.json()["code"] == "not_allowed", f"{other.body}")
    words = server.cli("logs", "x").stderr  # no job of this name
    check("x" in words, words)
    check(server.ok("DELETE", "/v1/channels/live/one").status == 204, "deleted")
    check(all(each["name"] != "live/one" or each["source"] != "api" for each in server.ok("GET", "/v1/channels").json()["items"]), "gone")
    check("secret-key" not in server.text(), "no secret in the log")
    server.stop()


@case
def full_disk_loses_nothing(folder):
    if os.geteuid() != 0:
        return
    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], capture_output=True).returncode != 0:
        return
    try:
        server = Server(BINARY, folder, data="small/data")
        filler = small / "filler"
        free = shutil.disk_usage(small).free
        filler.write_bytes(b"x" * max(0, free - (1 << 20)))
        check(server.curl("GET", "/readyz").status == 503, "not ready on a full disk")
        answers = [server.curl("POST", "/v1/jobs", {"inputs": [{"uri": str(FILM)}], "preset": "mobile", "set": FAST}) for _ in range(3)]
        accepted = [answer.json()["id"] for answer in answers if answer.status == 201]
        check(all(answer.status in (201, 507) for answer in answers), f"{[answer.status for answer in answers]}")
        filler.unlink()
        more = server.submit(FILM)
        for job in (*accepted, more):
            done = server.wait(job)
            if done["state"] == "failed":
                check(done["retry_class"] == "resource", f"{done}")
                server.ok("POST", f"/v1/jobs/{job}/retry")
                done = server.wait(job)
            check(done["state"] == "succeeded", f"{done['state']} {done['message']}")
        server.stop()
    finally:
        subprocess.run(["umount", "-l", small])


def main():
    global BINARY, FILM, LONG, ENDLESS
    BINARY = str(Path(sys.argv[1]).resolve())
    wanted = sys.argv[2:]
    failed = []
    with tempfile.TemporaryDirectory(prefix="streamgate-jobs-") as shared:
        # Below the folder that each server is started in, so that it may be named.
        FILM = make_film(Path(shared) / "film.mp4", 4)
        LONG = make_film(Path(shared) / "long.mp4", 60, size="640x360")
        ENDLESS = Path(shared) / "endless.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "59", "-i", str(LONG), "-c", "copy", str(ENDLESS)], check=True)
        for function in CASES:
            if wanted and function.__name__ not in wanted:
                continue
            folder = Path(tempfile.mkdtemp(prefix=function.__name__ + "-", dir=shared))
            for film in (FILM, LONG, ENDLESS):
                os.link(film, folder / film.name) if not (folder / film.name).exists() else None
            begin = time.monotonic()
            try:
                run(function, folder)
                print(f"ok {function.__name__} {time.monotonic() - begin:.1f} s", flush=True)
            except Exception:
                failed.append(function.__name__)
                print(f"FAILED {function.__name__} {time.monotonic() - begin:.1f} s", flush=True)
                traceback.print_exc()
                log = folder / "serve.log"
                if log.exists():
                    print("\n".join(log.read_text(errors="replace").splitlines()[-40:]))
            for server in Server.started:
                if server.process.poll() is None:
                    server.kill()
            Server.started.clear()
    sys.exit(1 if failed else 0)


def run(function, folder):
    global FILM, LONG, ENDLESS
    before = FILM, LONG, ENDLESS
    FILM, LONG, ENDLESS = (folder / film.name for film in before)
    try:
        function(folder)
    finally:
        FILM, LONG, ENDLESS = before


main()
