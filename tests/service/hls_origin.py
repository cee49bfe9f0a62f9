"""An HLS origin that does what origins of the world do: it switches between programs, stands still, ends, answers with pages.
Standard library and ffmpeg only."""

import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Program:
    """A short film in segments of two seconds; `options` are ffmpeg's for its HLS."""

    def __init__(self, folder, name, size, rate, sound, *options):
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        self.fragments = "fmp4" in options
        subprocess.run(
            ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", f"testsrc2=s={size}:r={rate}", "-f", "lavfi", "-i", f"sine=r={sound}", "-t", "6",
             "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(rate), "-keyint_min", str(rate), "-sc_threshold", "0",
             "-c:a", "aac", "-ar", str(sound), *options, "-f", "hls", "-hls_time", "2", "-hls_list_size", "0", str(self.folder / "list.m3u8")], check=True)
        found = re.findall(r"EXTINF:([\d.]+),\n(.*)", (self.folder / "list.m3u8").read_text())
        # (duration, lines before its URI, URI)
        self.segments = [(duration, [], f"/{name}/{uri}") for duration, uri in found]
        if self.fragments:
            self.segments[0][1].append(f'#EXT-X-MAP:URI="/{name}/init.mp4"')


def joined(*programs):
    """One after the other, each behind a discontinuity, again and again."""
    out = []
    for program in programs * 10:
        for index, (duration, lines, uri) in enumerate(program.segments):
            out.append((duration, (["#EXT-X-DISCONTINUITY"] if index == 0 and out else []) + lines, uri))
    return out


class HlsOrigin:
    """`playlists`: path to a function of the seconds since begin() that gives a playlist's text."""

    def __init__(self, folder):
        self.folder, self.playlists, self.asked, self.began = folder, {}, [], time.monotonic()
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                origin.asked.append(self.path)
                made = origin.playlists.get(self.path)
                file = origin.folder / self.path.lstrip("/")
                body = made(time.monotonic() - origin.began).encode() if made else file.read_bytes() if file.is_file() else None
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def begin(self):
        self.began = time.monotonic()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def stop(self):
        self.server.shutdown()


def window(segments, count, listed=6, version=7):
    """A live playlist whose newest segment is the `count`th."""
    count = min(count, len(segments))
    first = max(0, count - listed)
    # A map holds until another one is named.
    map_ = next((line for _, lines, _ in reversed(segments[:first + 1]) for line in lines if "MAP" in line), None)
    before = sum("#EXT-X-DISCONTINUITY" in lines for _, lines, _ in segments[:first])
    out = ["#EXTM3U", f"#EXT-X-VERSION:{version}", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}", f"#EXT-X-DISCONTINUITY-SEQUENCE:{before}"]
    if map_ and map_ not in segments[first][1]:
        out.append(map_)
    for duration, lines, uri in segments[first:count]:
        out += [*lines, f"#EXTINF:{duration},", uri]
    return "\n".join(out) + "\n"
