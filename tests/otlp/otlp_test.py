#!/usr/bin/env python3
"""Traces of jobs, decoded by the code generated from OpenTelemetry's own schema (npm).

    otlp_test.py EXPORT_JOBS CACHE_FOLDER

Ends with 77 (skipped) where node or the packages cannot be had.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "service"))
from npm_packages import packages

START = 1_700_000_000_000


def attributes(of):
    return {a["key"]: next(iter(a["value"].values())) for a in of.get("attributes", [])}


def main(exporter, cache):
    folder = packages(here, cache)
    receiver = subprocess.Popen(["node", here / "receiver.mjs", folder, "2"], stdout=subprocess.PIPE, text=True)
    try:
        port = json.loads(receiver.stdout.readline())["port"]
        with tempfile.TemporaryDirectory() as data:
            subprocess.run([exporter, f"http://127.0.0.1:{port}", data], check=True, timeout=60)
    finally:
        receiver.terminate()
    requests = [json.loads(line) for line in receiver.stdout]
    assert [r["status"] for r in requests[:2]] == [503, 503], requests[:2]
    spans = []
    for request in requests:
        assert request["path"] == "/v1/traces" and request["method"] == "POST", request
        assert request["headers"]["content-type"] == "application/x-protobuf"
        assert request["headers"]["authorization"] == "Bearer secret"
        if request["status"] == 503:
            continue
        assert request["status"] == 200 and request["wrong"] is None and not request["unknown"], request
        (resource,) = request["request"]["resourceSpans"]
        assert attributes(resource["resource"]) == {"service.name": "streamgate", "service.version": "1.2.3", "service.instance.id": "here"}
        (scope,) = resource["scopeSpans"]
        assert scope["scope"] == {"name": "streamgate", "version": "1.2.3"}, scope["scope"]
        for span in scope["spans"]:
            ids = {key: base64.b64decode(span[key]).hex() for key in ("traceId", "spanId", "parentSpanId") if key in span}
            spans.append(span | ids)

    assert len({s["spanId"] for s in spans}) == len(spans), "span ids repeat"
    roots = [s for s in spans if s["name"] == "job"]
    assert len(roots) == 3, roots
    for span in spans:
        assert len(span["traceId"]) == 32 and len(span["spanId"]) == 16, span
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), span
        assert span in roots or span["parentSpanId"] in {r["spanId"] for r in roots}, span

    good = next(r for r in roots if r["traceId"] == "0af7651916cd43dd8448eb211c80319c")
    assert good["parentSpanId"] == "b7ad6b7169203331" and good["kind"] == "SPAN_KIND_CONSUMER", good
    assert good["status"]["code"] == "STATUS_CODE_OK", good
    assert (good["startTimeUnixNano"], good["endTimeUnixNano"]) == (f"{START}000000", f"{START + 13_000}000000"), good
    facts = attributes(good)
    assert facts["streamgate.job.state"] == "succeeded" and facts["streamgate.job.attempts"] == "2", facts
    inside = [s for s in spans if s.get("parentSpanId") == good["spanId"]]
    names = sorted(s["name"] for s in inside)
    assert names == sorted(["accepted", "queued", "planning", "running", "queued", "planning", "running", "chunk", "plan", "chunk"]), names
    chunks = sorted((s for s in inside if s["name"] == "chunk"), key=lambda s: s["startTimeUnixNano"])
    assert chunks[0]["status"] == {"message": "worker_lost", "code": "STATUS_CODE_ERROR"}, chunks
    assert chunks[0]["endTimeUnixNano"] == f"{START + 6_000}000000", chunks
    assert attributes(chunks[1])["streamgate.speed"] == 2.5 and attributes(chunks[1])["streamgate.task"] == "chunk-00000", chunks

    bad = [r for r in roots if r["traceId"] == "0190c4b1000070008000000000000002"]
    assert len(bad) == 2 and all(r["status"] == {"message": "no streams", "code": "STATUS_CODE_ERROR"} for r in bad), bad
    assert {r["startTimeUnixNano"] for r in bad} == {f"{START}000000", f"{START + 60_000}000000"}, bad
    plans = [s for s in spans if s["name"] == "plan" and "status" in s]
    assert plans and all(s["status"]["message"] == "broken \ufffd bytes" for s in plans), plans
    print(f"{len(spans)} spans of {len(roots)} traces")
    return 0


sys.exit(main(sys.argv[1], sys.argv[2]))
