#!/usr/bin/env python3
"""Packaging without encoding: streamgate against cp of the same bytes, ffmpeg -c copy and Shaka Packager, in alternating runs.

    bench/packaging.py [--runs 7] [--seconds 600] [--chunk-ms 0] [--shaka PATH] [--work DIR]

The material is one MP4 of four H.264 renditions (1080p to 360p) and AAC: about 720 MB and 750 segments of 4 s for 600 s. It is made
once and kept, on a RAM disk (/dev/shm) unless --work says otherwise. --chunk-ms stores runs of so many milliseconds of a track
together instead of ffmpeg's own interleaving, where tracks alternate with every packet.

streamgate and Shaka Packager write HLS and DASH over one set of segments, and so does ffmpeg's dash muxer (row ffmpeg-dash);
ffmpeg's hls muxer writes HLS only. Others do not verify, so neither does streamgate but in the row "streamgate+verify".
Shaka Packager: npm install shaka-packager, then --shaka node_modules/shaka-packager/bin/packager-linux-x64.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import machine

HERE = Path(__file__).resolve().parent
RUNGS = [("1080p", 1920, 1080, 4650), ("720p", 1280, 720, 2600), ("540p", 960, 540, 1300), ("360p", 640, 360, 740)]
CLIP_SECONDS = 20
GOP_SECONDS = 2
SEGMENT_SECONDS = 4


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-hide_banner", "-nostdin", "-y", "-loglevel", "error", *map(str, arguments)], check=True)


def make_source(path, seconds, chunk_ms):
    """A short ladder, each rendition repeated to the full length."""
    if path.exists():
        return
    clips = path.parent / "clips"
    clips.mkdir(exist_ok=True)
    noise = f"testsrc2=s=1920x1080:r=30:d={CLIP_SECONDS},noise=alls=14:allf=t"
    outputs = "".join(f"[s{i}]" for i in range(len(RUNGS)))
    graph = [f"[0:v]split={len(RUNGS)}{outputs}"] + [f"[s{i}]scale={w}:{h},setsar=1[o{i}]" for i, (_, w, h, _) in enumerate(RUNGS)]
    command = ["-f", "lavfi", "-i", noise, "-filter_complex", ";".join(graph)]
    gop = 30 * GOP_SECONDS
    for i, (name, _, _, kbit) in enumerate(RUNGS):
        command += ["-map", f"[o{i}]", "-c:v", "libx264", "-preset", "ultrafast", "-bf", 2, "-g", gop, "-keyint_min", gop, "-sc_threshold", 0,
                    "-b:v", f"{kbit}k", "-maxrate", f"{kbit}k", "-bufsize", f"{2 * kbit}k", clips / f"{name}.mp4"]
    ffmpeg(*command)
    ffmpeg("-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}", "-ac", 2, "-c:a", "aac", "-b:a", "128k", clips / "sound.mp4")
    command = []
    for name, *_ in RUNGS:
        command += ["-stream_loop", -(-seconds // CLIP_SECONDS) - 1, "-i", clips / f"{name}.mp4"]
    command += ["-i", clips / "sound.mp4"]
    for i in range(len(RUNGS)):
        command += ["-map", f"{i}:v"]
    command += ["-map", f"{len(RUNGS)}:a", "-c", "copy", "-t", seconds]
    if chunk_ms:
        command += ["-chunk_duration", chunk_ms * 1000]
    ffmpeg(*command, path)
    shutil.rmtree(clips)


def contenders(args, source, out):
    """Name to (what to make first, command)."""
    streamgate = [args.binary, "transcode", source, "--preset", HERE / "presets/packaging.yaml", "-o", out]
    found = {"cp": (out, ["cp", source, out / "copy.mp4"]), "streamgate": (None, streamgate + ["--no-verify"]), "streamgate+verify": (None, streamgate)}
    if shutil.which("ffmpeg"):
        quiet = ["ffmpeg", "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-i", source, "-map", "0", "-c", "copy"]
        streams = " ".join(f"v:{i},agroup:a" for i in range(len(RUNGS)))
        found["ffmpeg-hls"] = (out, quiet + ["-f", "hls", "-hls_time", SEGMENT_SECONDS, "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4",
                                             "-master_pl_name", "index.m3u8", "-var_stream_map", f"{streams} a:0,agroup:a", f"{out}/%v/index.m3u8"])
        found["ffmpeg-dash"] = (out, quiet + ["-f", "dash", "-seg_duration", SEGMENT_SECONDS, "-hls_playlist", 1,
                                              "-adaptation_sets", "id=0,streams=v id=1,streams=a", out / "manifest.mpd"])
    if args.shaka:
        command = [args.shaka]
        for i, name in enumerate([r[0] for r in RUNGS] + ["audio"]):
            command.append(f"in={source},stream={i},init_segment={out}/{name}/init.mp4,segment_template={out}/{name}/seg-$Number$.m4s,playlist_name={name}/index.m3u8"
                           + (",hls_group_id=a,hls_name=Audio" if name == "audio" else ""))
        found["shaka"] = (None, command + ["--segment_duration", SEGMENT_SECONDS, "--fragment_duration", SEGMENT_SECONDS, "--generate_static_live_mpd",
                                           "--mpd_output", out / "manifest.mpd", "--hls_master_playlist_output", out / "index.m3u8", "--io_cache_size", 0])
    return {name: (first, [str(c) for c in command]) for name, (first, command) in found.items()}


def run_once(first, command, out):
    shutil.rmtree(out, ignore_errors=True)
    if first:
        for i in range(len(RUNGS) + 1):
            (first / str(i)).mkdir(parents=True, exist_ok=True)
    return machine.run(command, sample_memory=False)


def peak_memory(first, command, out):
    """Peaks in MB of the process tree: proportional memory, and what of it is not a file's (libraries are)."""
    shutil.rmtree(out, ignore_errors=True)
    if first:
        for i in range(len(RUNGS) + 1):
            (first / str(i)).mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = [0, 0]
    while process.poll() is None:
        now = [0, 0]
        for pid in machine._tree(process.pid):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            for i, key in enumerate(("Pss", "Pss_Anon")):
                found = re.search(rf"^{key}:\s+(\d+)", text, re.M)
                now[i] += int(found.group(1)) if found else 0
        peak = [max(a, b) for a, b in zip(peak, now)]
        time.sleep(0.002)
    return [p / 1024 for p in peak]


def attribute(line, name):
    return int(re.search(rf"(?<![A-Z-]){name}=(\d+)", line).group(1))


def check_figures(out):
    """The declared rates of streamgate's variants against the files: highest and mean of the segments, picture and sound."""
    def rates(folder):
        text = (out / folder / "index.m3u8").read_text()
        lengths = [float(x) for x in re.findall(r"#EXTINF:([\d.]+)", text)]
        sizes = [(out / folder / name).stat().st_size for name in re.findall(r"^seg-\d+\.m4s$", text, re.M)]
        return lengths, sizes
    lines = (out / "index.m3u8").read_text().splitlines()
    sound = rates("audio")
    segments = len(sound[0])
    for at, line in enumerate(lines):
        if not line.startswith("#EXT-X-STREAM-INF"):
            continue
        picture = rates(lines[at + 1].split("/")[0])
        segments += len(picture[0])
        average = sum(8 * sum(sizes) / sum(lengths) for lengths, sizes in (picture, sound))
        peak = sum(max(8 * size / length for size, length in zip(sizes, lengths) if length > SEGMENT_SECONDS / 2) for lengths, sizes in (picture, sound))
        declared, mean = attribute(line, "BANDWIDTH"), attribute(line, "AVERAGE-BANDWIDTH")
        if abs(mean / average - 1) > 0.001 or abs(declared / peak - 1) > 0.005:
            raise SystemExit(f"wrong figures: {line}: the files have a peak of {peak:.0f} and a mean of {average:.0f}")
    return segments


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--chunk-ms", type=int, default=0)
    parser.add_argument("--only", help="names of contenders, separated by commas; cp is always run")
    parser.add_argument("--shaka", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/dev/shm/streamgate-bench") if Path("/dev/shm").is_dir() else Path("build/bench"))
    parser.add_argument("--binary", type=Path, default=HERE.parent / "build/release/streamgate")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    source = args.work / f"packaging-{args.seconds}s-{args.chunk_ms}.mp4"
    make_source(source, args.seconds, args.chunk_ms)
    out = args.work / "packaged"
    all_of_them = contenders(args, source, out)
    if args.only:
        all_of_them = {name: c for name, c in all_of_them.items() if name == "cp" or name in args.only.split(",")}
    runs = {name: [] for name in all_of_them}
    for i in range(args.runs):
        names = list(all_of_them)
        for name in names if i % 2 == 0 else reversed(names):
            runs[name].append(run_once(*all_of_them[name], out))
            if name == "streamgate":
                segments = check_figures(out)
    print(machine.describe())
    where = subprocess.run(["stat", "-f", "-c", "%T", args.work], capture_output=True, text=True).stdout.strip()
    print(f"{source.stat().st_size / 1e6:.0f} MB on {where}, " + (f"runs of {args.chunk_ms} ms a track" if args.chunk_ms else "tracks alternate with every packet"))
    if "streamgate" in runs:
        print(f"{segments} segments, declared rates agree with the files")
    print(f"\n{args.runs} alternating runs, medians; ratios to cp in the same round")
    print(f"{'':18}{'wall s':>8}{'CPU s':>8}{'x cp wall':>11}{'x cp CPU':>10}{'peak MB':>9}{'not files':>11}")
    for name, done in runs.items():
        peak = peak_memory(*all_of_them[name], out)
        wall, cpu = (machine.median([getattr(r, f) for r in done]) for f in ("wall", "cpu"))
        ratio = [machine.median([getattr(r, f) / max(getattr(c, f), 1e-3) for r, c in zip(done, runs["cp"])]) for f in ("wall", "cpu")]
        print(f"{name:18}{wall:8.3f}{cpu:8.3f}{ratio[0]:11.2f}{ratio[1]:10.2f}{peak[0]:9.1f}{peak[1]:11.1f}")
    shutil.rmtree(out, ignore_errors=True)


if __name__ == "__main__":
    main()
