"""Measures the sink, or a bare fetch-and-ack, over a whole stream, and publishes large messages. Prints JSON."""

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path

import nats
import pyarrow.parquet
from nats.js.errors import NotFoundError

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))
from watch import scrape  # noqa: E402, the path has to be known first

GEN = next(Path(__file__).parent.parent.glob(".tools/gen/*"), None)
STREAM = "CAUSALITY_EVENTS"
GIVE_UP = 600.0  # seconds for one run


def peak(pid: int) -> float:
    """VmHWM in MiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def spent(usage) -> dict:  # noqa: ANN001
    """What the kernel says of a process that ended: its peak up to the very end, and its CPU time."""
    return {"peak_mib": round(usage.ru_maxrss / 1024, 1), "cpu_s": round(usage.ru_utime + usage.ru_stime, 2)}


def bare(options: argparse.Namespace) -> dict:
    """One run of the example."""
    command = [options.program, options.url, STREAM, str(options.count), str(options.batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit("fetch_and_ack failed")
    events, seconds = text.split()
    return {"what": f"bare {options.batch}", "events": int(events), "seconds": float(seconds), **spent(usage)}


def sink(options: argparse.Namespace) -> dict:
    """One run of the sink: until everything is fetched, then SIGTERM, then until it has ended."""
    started = time.monotonic()
    with Path(options.log).open("w") as log:
        process = subprocess.Popen([options.program, "run", "--config", options.config], stdout=log, stderr=log)
    metrics, high = {}, 0.0
    while metrics.get("messages_fetched_total", 0) - metrics.get("messages_redelivered_total", 0) < options.count:
        time.sleep(0.1)
        if process.poll() is not None or time.monotonic() - started > GIVE_UP:
            process.kill()
            sys.exit(f"the sink did not fetch everything: {metrics}")
        metrics = scrape(options.metrics) or metrics
        high = max(high, peak(process.pid))
    fetched = time.monotonic() - started
    process.send_signal(signal.SIGTERM)
    # The last ack is what counts as done; the process may take longer to end.
    acked, ended = None, 0
    while not ended:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if acked is None and scrape(options.metrics).get("messages_acked_total", 0) >= options.count:
            acked = round(time.monotonic() - started, 2)
        time.sleep(0 if ended else 0.02)
    total = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"the sink ended with {process.returncode}")
    stored = [pyarrow.parquet.read_metadata(path).num_rows for path in Path(options.files).rglob("*.parquet")]
    if sum(stored) != options.count:
        sys.exit(f"{sum(stored)} rows are stored, not {options.count}")
    return {
        "what": options.what, "events": options.count, "fetched_s": round(fetched, 2), "acked_s": acked, "seconds": round(total, 2),
        "vmhwm_at_sigterm_mib": round(high, 1), "files": len(stored),
        "redelivered": metrics.get("messages_redelivered_total"), "poison": metrics.get("messages_poison_total"),
        **spent(usage),
    }  # fmt: skip


async def clean(options: argparse.Namespace) -> dict:
    """Deletes the consumers, and the stream when asked."""
    client = await nats.connect(options.url)
    manager = client.jetstream()
    for consumer in ("warehouse-sink", "fetch-and-ack"):
        try:
            await manager.delete_consumer(STREAM, consumer)
        except NotFoundError:
            continue
    if options.stream:
        await manager.delete_stream(STREAM)
    await client.close()
    return {}


async def large(options: argparse.Namespace) -> dict:
    """Publishes crashes with long stack traces that don't compress well."""
    sys.path.insert(0, str(GEN))
    from causality.v1 import events_pb2  # noqa: PLC0415

    client = await nats.connect(options.url)
    context = client.jetstream()
    size = 0
    for index in range(options.count):
        event = events_pb2.EventEnvelope(
            id=str(uuid.uuid4()), app_id=f"app-{index % 4}", device_id="bench", timestamp_ms=1_735_689_600_000 + index
        )
        event.app_crash.crash_type = "panic"
        event.app_crash.stack_trace = os.urandom(options.bytes // 2).hex()
        body = event.SerializeToString()
        size += len(body)
        await context.publish(f"events.app-{index % 4}.system.app_crash", body)
    await client.close()
    return {"what": "published large", "events": options.count, "mean_bytes": size // options.count}


def summary(options: argparse.Namespace) -> None:
    """Medians over the rounds, the ratio of the medians, and the highest peak."""
    runs = [json.loads(line) for line in Path(options.results).read_text().splitlines()]
    groups: dict[str, list[dict]] = {}
    for run in runs:
        if "seconds" in run:
            groups.setdefault(run["what"], []).append(run)
    done: dict[str, float] = {}
    rate = {what: statistics.median(run["events"] / run["seconds"] for run in of) for what, of in groups.items()}
    for what, of in groups.items():
        cpu = statistics.median(run["cpu_s"] for run in of)
        text = f"{what:12} {rate[what]:10,.0f} events/s  {cpu:6.2f} CPU s  ({len(of)} rounds)"
        if "fetched_s" in of[0]:
            fetched = statistics.median(run["events"] / run["fetched_s"] for run in of)
            acked = [run["events"] / run["acked_s"] for run in of if run["acked_s"]]
            done[what] = statistics.median(acked) if acked else 0.0
            # Not for the bare one: what the kernel calls a child's peak counts the parent's size when it was started.
            text += f"  fetched {fetched:,.0f}, acked {done[what]:,.0f} events/s  peak {max(run['peak_mib'] for run in of):.1f} MiB"
        print(text)
    for sink in ("sink", "sink floor"):
        for what in rate:
            if what.startswith("bare") and sink in done:
                print(f"{sink} until acked / {what}: {done[sink] / rate[what]:.2f}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["bare", "sink", "clean", "large", "summary"])
    for name in ("url", "program", "config", "metrics", "files", "log", "results"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--what", default="sink")
    parser.add_argument("--stream", action="store_true")
    for name in ("count", "batch", "bytes"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    result = {"bare": bare, "sink": sink, "clean": clean, "large": large, "summary": summary}[options.task](options)
    if asyncio.iscoroutine(result):
        result = asyncio.run(result)
    if result:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
