#!/usr/bin/env python3
"""The origin against nginx: requests and bytes per second and CPU per request, and what blocked viewers cost.

Needs nginx and wrk (Debian packages nginx-light, wrk). Rounds alternate between the two servers on the same machine.
"""

import argparse
import os
import re
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")

NGINX = """
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=100 inactive=60s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ video/mp4 m4s; application/vnd.apple.mpegurl m3u8; }}
    server {{ listen 127.0.0.1:{port} backlog=4096 reuseport; root {folder}/www; }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pids_of(root):
    found = [root]
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == root:
                found.append(int(entry.name))
    return found


def cpu_seconds(root):
    total = 0
    for pid in pids_of(root):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def wrk(port, path, seconds, connections):
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}{path}"],
                         check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"bench/origin.py: errors while loading {path}:\n{out}")
    return int(re.search(r"(\d+) requests in", out)[1]), re.search(r"99%\s+(\S+)", out)[1]


class Origin:
    def __init__(self, program, segment, threads):
        self.process = subprocess.Popen([program, segment, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def publish(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def load(origin, nginx_port, nginx_pid, options):
    cases = [("1 MB segment, memory", "/live/bench/memory.m4s", "/a.m4s", 64),
             ("1 MB segment, file", "/live/bench/file.m4s", "/a.m4s", 64),
             ("2 KB playlist", "/live/bench/index.m3u8", "/index.m3u8", 64)]
    print(f"{'case':24} {'server':8} {'requests/s':>11} {'MB/s':>8} {'CPU us/request':>15} {'p99':>9}   ratio of requests/s, of CPU")
    for name, ours, theirs, connections in cases:
        results = {"nginx": [], "ours": []}
        for _ in range(options.rounds):
            for server, port, pid, path in (("nginx", nginx_port, nginx_pid, theirs), ("ours", origin.port, origin.process.pid, ours)):
                before, start = cpu_seconds(pid), time.monotonic()
                count, p99 = wrk(port, path, options.seconds, connections)
                took = time.monotonic() - start
                results[server].append((count / took, (cpu_seconds(pid) - before) / count * 1e6, p99))
        medians = {}
        for server, rows in results.items():
            rate = statistics.median(row[0] for row in rows)
            cpu = statistics.median(row[1] for row in rows)
            medians[server] = rate, cpu
            size = 2e3 if "playlist" in name else 1e6
            ratio = ""
            if server == "ours":
                ratio = f"{rate / medians['nginx'][0]:.2f}, {cpu / medians['nginx'][1]:.2f}"
            print(f"{name:24} {server:8} {rate:11.0f} {rate * size / 1e6:8.0f} {cpu:15.1f} {rows[-1][2]:>9}   {ratio}")


def block(origin, viewers):
    request = (b"GET /live/bench/index.m3u8?_HLS_msn=%d HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) "
               b"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.9\r\n"
               b"Accept-Encoding: gzip, deflate, br\r\nReferer: http://localhost:8080/\r\nSec-Fetch-Mode: cors\r\n\r\n")
    idle = origin.rss()
    sockets = []
    for _ in range(viewers):
        sockets.append(socket.create_connection(("127.0.0.1", origin.port)))
        sockets[-1].sendall(request % 1)
    time.sleep(2)
    held = origin.rss()
    before, start = cpu_seconds(origin.process.pid), time.monotonic()
    time.sleep(5)
    cost = (cpu_seconds(origin.process.pid) - before) / (time.monotonic() - start)
    print(f"{viewers} blocked viewers: {held / 1024:.1f} MB resident, {idle / 1024:.1f} MB without; "
          f"{(held - idle) / viewers:.1f} KB each; {cost * 100:.2f} % of a core while nothing happens")
    for round_number in (1, 2):
        poll = selectors.DefaultSelector()
        for one in sockets:
            poll.register(one, selectors.EVENT_READ)
        start = time.monotonic()
        origin.publish()
        answered = 0
        while answered < viewers:
            for key, _ in poll.select(30):
                if b"200 OK" not in key.fileobj.recv(65536):
                    sys.exit("bench/origin.py: a blocked viewer got another answer than its playlist")
                poll.unregister(key.fileobj)
                answered += 1
        took = time.monotonic() - start
        print(f"a new playlist reached all {viewers} after {took * 1000:.0f} ms (with the client's own work)")
        for one in sockets:
            one.sendall(request % (round_number + 1))
    time.sleep(2)
    print(f"after two rounds, all blocked again: {origin.rss() / 1024:.1f} MB resident")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / "build/release/bench-origin")
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--viewers", type=int, default=5000)
    parser.add_argument("--only", choices=["load", "block"])
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(describe())
    with tempfile.TemporaryDirectory() as folder:
        www = Path(folder) / "www"
        www.mkdir()
        os.chmod(folder, 0o755)
        segment = www / "a.m4s"
        segment.write_bytes(os.urandom(1_000_000))
        (www / "index.m3u8").write_text("#EXTM3U\n" + "".join(f"#EXTINF:4.00000,\nk3x-{i}.m4s\n" for i in range(60)))
        origin = Origin(options.program, segment, 2)
        if options.only != "block":
            port = free_port()
            config = Path(folder) / "nginx.conf"
            config.write_text(NGINX.format(folder=folder, port=port))
            nginx = subprocess.Popen(["nginx", "-c", str(config), "-e", f"{folder}/error.log"])
            time.sleep(1)
            try:
                load(origin, port, nginx.pid, options)
            finally:
                nginx.terminate()
                nginx.wait()
        origin.stop()
        if options.only != "load":
            origin = Origin(options.program, segment, 2)
            block(origin, options.viewers)
            origin.stop()


if __name__ == "__main__":
    main()
