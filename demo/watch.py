"""Shows how far the sink is, on one line, until every message is settled."""

import argparse
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

GIVE_UP = 60.0  # seconds without any progress
PREFIX = "warehouse_sink_"


def scrape(url: str) -> dict[str, float]:
    """Every metric's value, with its labels in its name; empty while nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            lines = answer.read().decode().splitlines()
    except (urllib.error.URLError, OSError):
        return {}
    samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
    return {name.removeprefix(PREFIX): float(value) for name, value in samples}


def resident(pid: int) -> str:
    """The process's memory, where the system tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return f", {int(line.split()[1]) // 1024} MiB of memory"
    return ""


def running(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return not Path("/proc/self").exists()


def main() -> int:
    """Waits until acked and terminated messages add up to the count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--metrics", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--since", type=int, required=True, help="when the sink was started, in ns")
    options = parser.parse_args()
    live = sys.stdout.isatty()

    settled, moved = -1, time.monotonic()
    while settled < options.count:
        time.sleep(0.2)
        metrics = scrape(options.metrics)
        acked, dead = metrics.get("messages_acked_total", 0), metrics.get("messages_terminated_total", 0)
        if acked + dead != settled:
            settled, moved = acked + dead, time.monotonic()
        if not running(options.pid) or time.monotonic() - moved > GIVE_UP:
            return 1
        files = metrics.get('files_total{outcome="written"}', 0)
        text = f"{settled:,.0f} of {options.count:,} settled, {files:,.0f} files{resident(options.pid)}"
        if live:
            print(f"\r\x1b[K{text}", end="", flush=True)
    seconds = (time.time_ns() - options.since) / 1e9
    print(f"{chr(13) if live else ''}{text}")
    print(f"{options.count / seconds:,.0f} events/s from start to the last ack ({seconds:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
