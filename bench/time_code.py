"""A camera and encoder whose pictures carry the time they were made at, readable from pixels. Standard library and ffmpeg only."""

import itertools
import subprocess
import threading
import time

# Across the picture's top: 32 bits of Unix time in ms, then that modulo 251 in eight; tests/browser/watch.mjs reads them.
CELLS, BITS = 40, 32
CODE = {"cells": CELLS, "bits": BITS}


def strip(width, now_ms):
    """Luma of the topmost width/40 lines."""
    stamp = int(now_ms) % 2**BITS
    code = f"{stamp:0{BITS}b}{stamp % 251:0{CELLS - BITS}b}"
    line = b"".join((b"\xeb" if bit == "1" else b"\x10") * (width // CELLS) for bit in code)
    return line * (width // CELLS)


class Camera(threading.Thread):
    """Publishes moving pictures with a tone to `url` in real time, coded as they are made, with a key frame each second."""

    def __init__(self, url, width=1280, height=720, rate=30, bitrate="2500k"):
        super().__init__(daemon=True)
        self.width, self.height, self.rate = width, height, rate
        size = f"{width}x{height}"
        raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}", "-frames:v", str(rate), "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"],
                             check=True, stdout=subprocess.PIPE).stdout
        each = width * height * 3 // 2
        self.frames = [self.without_colour(raw[i * each:(i + 1) * each]) for i in range(rate)]
        self.ffmpeg = subprocess.Popen(["ffmpeg", "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", str(rate), "-i", "pipe:0",
                                        "-f", "lavfi", "-i", "sine=r=48000", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-threads", "1", "-b:v", bitrate, "-maxrate", bitrate,
                                        "-bufsize", bitrate, "-g", str(rate), "-keyint_min", str(rate), "-sc_threshold", "0", "-c:a", "aac", "-b:a", "96k", "-ac", "2",
                                        "-flush_packets", "1", "-f", "flv", url], stdin=subprocess.PIPE)
        self.start()

    def without_colour(self, frame):
        """The topmost lines in grey, and without their luma."""
        luma, chroma, lines = self.width * self.height, self.width * self.height // 4, self.width // CELLS
        grey = b"\x80" * (lines * self.width // 4)
        return frame[lines * self.width:luma] + b"".join(grey + frame[at + len(grey):at + chroma] for at in (luma, luma + chroma))

    def run(self):
        began = time.monotonic()
        try:
            for count, frame in enumerate(itertools.cycle(self.frames)):
                wait = began + count / self.rate - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                self.ffmpeg.stdin.write(strip(self.width, time.time() * 1000))
                self.ffmpeg.stdin.write(frame)
                self.ffmpeg.stdin.flush()
        except (OSError, ValueError):
            pass

    def stop(self):
        self.ffmpeg.terminate()
        self.ffmpeg.wait(10)
        self.join(5)
