"""Measures one run of the sink, or of a bare fetch-and-ack, over a whole stream."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demo"))
from watch import scrape  # noqa: E402, the path has to be known first

STREAM = "CAUSALITY_EVENTS"
BARE_BATCH = 500  # what the sink fetches at once by default
# What the sink knows of what it fetched: docs/operations.md.
SETTLED = [*(f"messages_{fate}_total" for fate in ("acked", "nacked", "terminated", "superseded")), "settle_errors_total"]
PAUSE = 0.02  # seconds between two looks at a process, at the least
LONGEST_PAUSE = 0.25


class Watched:
    """A process, with its peak of memory and its CPU time."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.name, self.log = Path(command[0]).name, log
        self.started = time.monotonic()
        with log.open("w") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        self.seen = 0.0
        self.spent: dict = {}

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        if not self.spent:
            self.process.kill()
            self.process.wait()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def look(self) -> bool:
        """Whether it runs; notes its memory, or what it spent once it has ended."""
        if self.spent:
            return False
        ended, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if not ended:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
            self.seen = max(self.seen, int(found[1]) if found else 0)
            return True
        self.process.returncode = os.waitstatus_to_exitcode(status)
        # What the kernel says in the end is exact, unless it is the size of this process when it started the other.
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak = usage.ru_maxrss if usage.ru_maxrss > own else self.seen
        self.spent = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "peak_mib": round(peak / 1024, 1)}
        return False

    def hurry(self, count: int) -> None:
        """It may take so long for so many events."""
        if self.elapsed() > 120 + count / 2_000:
            self.fail(f"was not done with {count} events in {self.elapsed():.0f} s")

    def fail(self, why: str) -> None:
        """Ends this program."""
        raise SystemExit(f"bench: {self.name} {why}:\n{self.log.read_text()[-2000:]}")

    def check(self) -> None:
        """It has ended well."""
        if self.process.returncode != 0:
            self.fail(f"ended with {self.process.returncode}")


def bare(program: Path, url: str, count: int, log: Path) -> dict:
    """One run of the example: its own seconds, from when it is connected until the last ack is with the server."""
    with Watched([str(program), url, STREAM, str(count), str(BARE_BATCH)], log) as run:
        while run.look():
            run.hurry(count)
            time.sleep(PAUSE)
        run.check()
    events, seconds = log.read_text().split()
    if int(events) != count:
        run.fail(f"took {events} events, not {count}")
    return {"seconds": float(seconds), **run.spent}


def messages(metrics: dict[str, float]) -> dict[str, int]:
    """What became of the messages."""
    return {name: int(value) for name, value in metrics.items() if "messages" in name and value}


def holds_all(metrics: dict[str, float], count: int) -> bool:
    """Everything was fetched, and nothing is on its way into a batch any more, which would be given back at a stop."""
    fetched, again = (metrics.get(f"messages_{name}_total", 0) for name in ("fetched", "redelivered"))
    settled = sum(metrics.get(name, 0) for name in SETTLED)
    return fetched - again >= count and settled + metrics.get("buffered_messages", 0) == fetched


def pause(done: float, count: int, elapsed: float) -> float:
    """A fifth of the time that fetching the rest may take, in seconds. Asking for metrics takes from the cores that are measured, so there are few looks, and
    the last ones are close together."""
    rest = (count - done) * elapsed / max(done, 1)
    return min(max(rest / 5, PAUSE), LONGEST_PAUSE)


def sink(program: Path, config: Path, metrics: str, count: int, log: Path) -> dict:
    """One run of the sink: until it holds all that is not acked, then SIGTERM, then until it has ended. Its seconds are those from the start
    of the process until everything is written and acked."""
    with Watched([str(program), "run", "--config", str(config)], log) as run:
        seen: dict[str, float] = {}
        while not holds_all(seen, count):
            if not run.look():
                run.fail(f"ended too early: {messages(seen)}")
            run.hurry(count)
            time.sleep(pause(seen.get("messages_fetched_total", 0), count, run.elapsed()))
            seen = scrape(metrics) or seen
        fetched, acked = run.elapsed(), None
        os.kill(run.process.pid, signal.SIGTERM)  # Popen would reap it, and what it spent would be lost
        while run.look():
            run.hurry(count)
            seen = scrape(metrics) or seen
            if acked is None and seen.get("messages_acked_total", 0) >= count:
                acked = run.elapsed()
            time.sleep(2 * PAUSE)
        run.check()
        return {
            # It may end before the last ack is seen; that all is stored is checked afterwards.
            "seconds": round(acked or run.elapsed(), 3), "fetched_s": round(fetched, 3), "ended_s": round(run.elapsed(), 3),
            "redelivered": int(seen.get("messages_redelivered_total", 0)), **run.spent,
        }  # fmt: skip
