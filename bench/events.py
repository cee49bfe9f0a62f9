#!/usr/bin/env python3
"""Event streams of `streamgate serve`: memory of many open ones and the delay of delivery over all of them.

    events.py [STREAMGATE] [--streams 1000] [--events 200] [--rate 20]

Each event is a small upload. Its delay is counted from the moment before its request is sent, so it includes the commit to
disk, to the moment a stream has it.
"""

import argparse
import re
import select
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "service"))
from plain_server import PlainServer


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


class Streams:
    """All of them on one epoll, since what the client takes counts as delay too."""

    def __init__(self, port, count):
        self.delays, self.open, self.lost = [], 0, 0
        self.sent = {}
        self.poll = select.epoll()
        self.sockets = {}
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port))
            one.sendall(b"GET /v1/events?types=upload.finished HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.sockets[one.fileno()] = one
            self.poll.register(one, select.EPOLLIN)

    def run(self, until, seconds):
        deadline = time.monotonic() + seconds
        name = re.compile(rb'"name":"(e\d+)"')
        while not until() and time.monotonic() < deadline:
            for number, _ in self.poll.poll(0.05, 2000):
                data = self.sockets[number].recv(65536)
                now = time.monotonic()
                if not data:
                    self.lost += 1
                    self.poll.unregister(number)
                self.open += data.count(b": events follow")
                for found in name.findall(data):
                    self.delays.append(now - self.sent[found])


def put(port, name):
    with socket.create_connection(("127.0.0.1", port)) as one:
        one.sendall(b"PUT /v1/uploads/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx" % name)
        head = one.recv(4096)
        assert b" 201 " in head[:20], head
        while one.recv(4096):
            pass


def quantile(values, part):
    return values[min(len(values) - 1, int(part * len(values)))] * 1000


def measure(server, count, events, rate):
    idle = resident(server.process.pid)
    streams = Streams(server.port, count)
    streams.run(lambda: streams.open == count, 60)
    opened = resident(server.process.pid)

    def send():
        for i in range(events):
            name = b"e%06d" % i
            streams.sent[name] = begun = time.monotonic()
            put(server.port, name)
            time.sleep(max(0, begun + 1 / rate - time.monotonic()))

    sender = threading.Thread(target=send)
    sender.start()
    streams.run(lambda: len(streams.delays) == count * events, events / rate + 30)
    sender.join()
    used = resident(server.process.pid)
    delays = sorted(streams.delays)
    print(f"{count} streams: {opened - idle:.1f} MB to hold them, {used - idle:.1f} MB after {events} events ({idle:.0f} MB without)")
    print(f"{len(delays)} of {count * events} deliveries, {streams.lost} streams lost; delay p50 {quantile(delays, 0.5):.1f} ms, "
          f"p95 {quantile(delays, 0.95):.1f} ms, p99 {quantile(delays, 0.99):.1f} ms, most {delays[-1] * 1000:.1f} ms")
    return len(delays) == count * events and streams.lost == 0


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("streamgate", nargs="?", default="build/release/streamgate")
    options.add_argument("--streams", type=int, default=1000)
    options.add_argument("--events", type=int, default=200)
    options.add_argument("--rate", type=float, default=20, help="events a second")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = f"limits: {{viewers_per_address: {asked.streams + 100}}}\n"
        server = PlainServer(asked.streamgate, folder, config)
        try:
            return 0 if measure(server, asked.streams, asked.events, asked.rate) else 1
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
