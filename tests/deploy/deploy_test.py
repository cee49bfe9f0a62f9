#!/usr/bin/env python3
"""What deploy/ holds, held against the product and the tools it is for.

    deploy_test.py static              alerts, runbooks and metric names; needs nothing
    deploy_test.py promtool FOLDER     promtool and amtool, unpacked into FOLDER when they are not installed
    deploy_test.py scrape STREAMGATE FOLDER
                                       /metrics of a service has what the rules ask for, and is clean
    deploy_test.py systemd             the unit; needs systemd-analyze

Ends with 77 (skipped) where the tools cannot be had.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

root = Path(__file__).resolve().parents[2]
prometheus = root / "deploy/prometheus"
SKIPPED = 77
# Of the client library's conventions and of Prometheus itself.
FOREIGN = {"up", "process_open_fds", "process_max_fds"}
# Only there when what they tell of is: channels, watch folders, a collector of traces, tasks that ran.
SOMETIMES = r"streamgate_(channel|encoder|recording|dvr|restream|watch|traces|tasks_total|job_retries|encoding|api_request|webhook)"


def rules():
    return "\n".join(file.read_text() for file in sorted(prometheus.glob("*.rules.yml")))


def alerts():
    """Name to the text of the alert."""
    pieces = re.split(r"^ *- alert: (\w+)$", (prometheus / "alerts.rules.yml").read_text(), flags=re.M)
    return dict(zip(pieces[1::2], pieces[2::2]))


def metric_names(text):
    # Of recording rules only the expressions: instance:metric:operation is a name of its own.
    text = re.sub(r"\w+:\w+:\w+", "", text)
    names = set(re.findall(r"\bstreamgate_[a-z0-9_]+", text)) - {"streamgate_recording", "streamgate_service", "streamgate_jobs", "streamgate_live"}
    return names | set(re.findall(r"\bprocess_[a-z_]+", text))


def base_name(name, known):
    for suffix in ("", "_bucket", "_count", "_sum"):
        if name.endswith(suffix) and name.removesuffix(suffix) in known:
            return name.removesuffix(suffix)
    return None


def static():
    faults = []
    for name, text in alerts().items():
        for field in ("severity", "summary", "description"):
            if not re.search(rf"^ *{field}: \S", text, re.M):
                faults.append(f"{name} has no {field}")
        url = re.search(r"runbook_url: (\S+)", text)
        if not url or not url[1].endswith(f"docs/runbooks/{name}.md"):
            faults.append(f"{name} names no runbook of its own")
        runbook = root / f"docs/runbooks/{name}.md"
        if not runbook.exists():
            faults.append(f"{runbook.relative_to(root)} does not exist")
        elif len(runbook.read_text()) < 300:
            faults.append(f"{runbook.relative_to(root)} says nearly nothing")
        if f'alertname="{name}"' not in (root / "tests/deploy/alerts_test.yml").read_text():
            faults.append(f"{name} is not tested in alerts_test.yml")
    for runbook in (root / "docs/runbooks").glob("StreamGate*.md"):
        if runbook.stem not in alerts():
            faults.append(f"no alert leads to {runbook.relative_to(root)}")
    source = set()
    for folder in "sql jobs live server telemetry api apps".split():
        for file in (root / folder).rglob("*.cpp"):
            source |= set(re.findall(r'"#?\s*(streamgate_[a-z0-9_]+)"', file.read_text()))
    for name in sorted(metric_names(rules()) - FOREIGN):
        if not base_name(name, source):
            faults.append(f"rules ask for {name}, which nothing exports")
    if not alerts():
        faults.append("there are no alerts")
    return faults


def tools(cache):
    found = subprocess.run([root / "tools/prometheus-tools", cache], capture_output=True, text=True)
    if found.returncode != 0:
        print(f"skipped: promtool cannot be had: {found.stderr[-300:]}")
        sys.exit(SKIPPED)
    return Path(found.stdout.strip())


def promtool(cache):
    folder = tools(cache)
    faults = []
    for command in (
        [folder / "promtool", "check", "rules", *sorted(prometheus.glob("*.rules.yml"))],
        [folder / "promtool", "check", "config", prometheus / "prometheus.yml"],
        [folder / "promtool", "test", "rules", root / "tests/deploy/alerts_test.yml"],
        [folder / "amtool", "check-config", prometheus / "alertmanager.yml"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            faults.append(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return faults


def scrape(binary, cache):
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "serve.log"
        command = [binary, "serve", "--rtmp", "off", "--srt", "off", "--http", "127.0.0.1:0"]
        service = subprocess.Popen(command, stderr=open(log, "w"), stdout=subprocess.DEVNULL, cwd=folder)
        try:
            text = until_served(service, log)
        finally:
            service.terminate()
            service.wait(60)
    there = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    faults = [f"/metrics lacks {name}" for name in sorted(metric_names(rules())) if not re.match(SOMETIMES, name) and name != "process_max_fds" and not base_name(name, there)]
    done = subprocess.run([tools(cache) / "promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        faults.append(f"promtool check metrics: {done.stdout}{done.stderr}")
    return faults


def until_served(service, log):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and service.poll() is None:
        found = re.search(r"http://(127\.0\.0\.1:\d+)", log.read_text())
        if found:
            text = urllib.request.urlopen(f"http://{found[1]}/metrics", timeout=10).read().decode()
            if "streamgate_queue_jobs" in text:
                return text
        time.sleep(0.05)
    raise SystemExit(f"the service shows no metrics of jobs\n{log.read_text()}")


def systemd():
    if not shutil.which("systemd-analyze"):
        print("skipped: no systemd-analyze here")
        sys.exit(SKIPPED)
    unit = (root / "deploy/systemd/streamgate.service").read_text()
    with tempfile.TemporaryDirectory() as folder:
        # The program need not be installed for its unit to be right.
        copy = Path(folder) / "streamgate.service"
        copy.write_text(unit.replace("/usr/bin/streamgate", "/bin/true"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
        faults = [line for line in done.stderr.splitlines() if "streamgate.service" in line]
        security = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", copy], capture_output=True, text=True)
        print(security.stdout.strip().splitlines()[-1] if security.stdout.strip() else security.stderr)
        if security.returncode != 0 and "offline" not in security.stderr:
            faults.append("systemd-analyze security finds it more exposed than 2.5")
    return faults


what, *rest = sys.argv[1:]
wrong = {"static": static, "promtool": promtool, "scrape": scrape, "systemd": systemd}[what](*rest)
for fault in wrong:
    print(fault)
sys.exit(1 if wrong else 0)
