#!/usr/bin/env python3
"""Event streams of `streamgate serve`: memory of many open ones and the delay of delivery over all of them.

    events.py STREAMGATE [--streams 1000] [--events 200] [--rate 20]

Each event is a small upload. Its delay is counted from the moment before its request is sent, so it includes the commit to
disk, to the moment a stream has it.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "service"))
from plain_server import PlainServer


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


class Streams:
    def __init__(self, port):
        self.port, self.arrived, self.open, self.lost = port, {}, 0, 0

    async def one(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        writer.write(b"GET /v1/events?types=upload.finished HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try:
            while line := await reader.readline():
                if line.startswith(b": events follow"):
                    self.open += 1
                elif line.startswith(b"data: "):
                    now = time.monotonic()
                    name = re.search(rb'"name":"(e\d+)"', line)[1]
                    self.arrived.setdefault(name, []).append(now)
        finally:
            self.lost += 1


async def put(port, name):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"PUT /v1/uploads/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx" % name)
    head = await reader.readline()
    assert b"201" in head, head
    writer.close()


def quantile(values, part):
    return values[min(len(values) - 1, int(part * len(values)))] * 1000


async def measure(server, streams, events, rate):
    idle = resident(server.process.pid)
    all_streams = Streams(server.port)
    tasks = [asyncio.create_task(all_streams.one()) for _ in range(streams)]
    while all_streams.open < streams:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    opened = resident(server.process.pid)
    sent = {}
    for i in range(events):
        name = b"e%06d" % i
        sent[name] = time.monotonic()
        await put(server.port, name)
        await asyncio.sleep(max(0, sent[name] + 1 / rate - time.monotonic()))
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and sum(map(len, all_streams.arrived.values())) < streams * events:
        await asyncio.sleep(0.05)
    used = resident(server.process.pid)
    delays = sorted(at - sent[name] for name, times in all_streams.arrived.items() for at in times)
    print(f"{streams} streams: {opened - idle:.1f} MB to hold them, {used - idle:.1f} MB after {events} events ({idle:.0f} MB without)")
    print(f"{len(delays)} of {streams * events} deliveries, {all_streams.lost} streams lost; delay p50 {quantile(delays, 0.5):.1f} ms, "
          f"p95 {quantile(delays, 0.95):.1f} ms, p99 {quantile(delays, 0.99):.1f} ms, most {delays[-1] * 1000:.1f} ms")
    complete = len(delays) == streams * events and all_streams.lost == 0
    for task in tasks:
        task.cancel()
    return complete


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("streamgate")
    options.add_argument("--streams", type=int, default=1000)
    options.add_argument("--events", type=int, default=200)
    options.add_argument("--rate", type=float, default=20, help="events a second")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = f"limits: {{viewers_per_address: {asked.streams + 100}}}\n"
        server = PlainServer(asked.streamgate, folder, config)
        try:
            return 0 if asyncio.run(measure(server, asked.streams, asked.events, asked.rate)) else 1
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
