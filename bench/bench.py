"""Measures the sink, case by case, each beside a bare fetch-and-ack of the same stream right before and after it; bench/run builds and starts
this. Writes one line of JSON for each pair of runs; bench/report.py makes a table and a chart of them."""

import argparse
import contextlib
import itertools
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import measure
from plan import Case, Stream, chosen
from servers import BIN, Bucket, free_ports, nats, seaweedfs

HERE = Path(__file__).resolve().parent


def tool(script: str, *arguments: str) -> dict:
    """What one of the programs beside this one says."""
    done = subprocess.run([sys.executable, str(HERE / script), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: {script} {' '.join(arguments[:1])} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Bench:
    """Where everything is, and how much of it."""

    folder: Path
    programs: Path
    url: str
    metrics: str
    bucket: Bucket | None
    count: int
    large: int

    def events(self, stream: Stream) -> int:
        """How many the stream holds."""
        return self.large if stream.large else self.count * stream.times

    def publish(self, stream: Stream) -> dict:
        """Makes the stream anew. What it holds."""
        tool("stream.py", "drop", "--url", self.url)
        count = self.events(stream)
        self.generate(stream, 0 if stream.size else count)
        if stream.size:
            tool("stream.py", "publish", "--url", self.url, "--count", str(count), "--bytes", str(stream.size))
        held = tool("stream.py", "state", "--url", self.url)
        if held["messages"] != count:
            raise SystemExit(f"bench: the stream holds {held['messages']} messages, not {count}")
        return held

    def generate(self, stream: Stream, count: int) -> None:
        """Events of all kinds. Of four apps those of the default."""
        apps = [] if stream.apps == 4 else ["--apps", ",".join(f"com.example.app{number}" for number in range(stream.apps))]
        command = [
            str(self.programs / "warehouse-sink"), "generate", "--url", self.url, "--create-stream", "--count", str(count),
            "--hours", str(stream.hours), "--format", stream.form, *apps,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: generate failed:\n{done.stderr[-2000:]}")

    def config(self, case: Case, files: Path) -> Path:
        """The settings file: defaults but for where things are, and for what the case is about."""
        tables: dict[str, dict] = {
            "nats": {"url": self.url},
            "storage": {"service": case.store},
            "storage.options": {"root": str(files)},
            "observability": {"metrics_addr": self.metrics},
        }
        if self.bucket and case.store == "s3":
            tables["storage.options"] = {
                "bucket": self.bucket.name, "endpoint": self.bucket.endpoint, "region": "us-east-1",
                "access_key_id": self.bucket.key, "secret_access_key": self.bucket.secret,
            }  # fmt: skip
        for table, settings in case.settings.items():
            tables[table] = tables.get(table, {}) | settings
        # A string, number, boolean or list of JSON is one of TOML.
        lines = [f"[{table}]\n" + "".join(f"{key} = {json.dumps(to)}\n" for key, to in of.items()) for table, of in tables.items()]
        path = self.folder / "sink.toml"
        path.write_text("\n".join(lines))
        return path

    def stored(self, case: Case, files: Path) -> dict:
        """What the sink has stored."""
        if self.bucket and case.store == "s3":
            return tool("stored.py", self.bucket.endpoint, self.bucket.name, self.bucket.key, self.bucket.secret)
        return tool("stored.py", str(files))

    def bare(self, case: Case) -> dict:
        """The bare one, over the whole stream."""
        log = self.folder / "bare.log"
        return measure.bare(self.programs / "fetch_and_ack", self.url, self.events(case.stream), log)

    def sink(self, case: Case) -> dict:
        """The sink, over the whole stream; an error unless there is a row for every event afterwards."""
        count = self.events(case.stream)
        tool("stream.py", "forget", "--url", self.url)
        # A folder for each run, and none is removed in between: ext4 looks for an inode that was not deleted in the last seconds, which took
        # up to a fifth of the sink's time with a thousand folders.
        files = Path(tempfile.mkdtemp(prefix="files-", dir=self.folder))
        address = f"http://{self.metrics}/metrics"
        program, log = self.programs / "warehouse-sink", self.folder / "sink.log"
        run = measure.sink(program, self.config(case, files), address, count, log)
        found = self.stored(case, files)
        if found["rows"] != count:
            raise SystemExit(f"bench: {found['rows']} rows are stored, not {count}")
        return run | {"files": found["files"], "bytes": found["bytes"]}

    def pair(self, case: Case) -> dict:
        """Both, one right after the other: the bare one before and after the sink, for the machine's speed may change from one to the next."""
        before, sink, after = (run(case) for run in (self.bare, self.sink, self.bare))
        return {"bare": {what: (before[what] + after[what]) / 2 for what in before}, "sink": sink}


def output(*command: str) -> str:
    """What a command prints; nothing when it can't be run."""
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""


def machine(options: argparse.Namespace) -> dict:
    """What it was measured on."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": model[0].split(":", 1)[1].strip() if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "virtual": "hypervisor" in Path("/proc/cpuinfo").read_text(),
        "system": f"{platform.system()} {platform.release()}",
        "nats": output(str(BIN / "nats-server"), "--version").split(": ")[-1],
        "seaweedfs": (output(str(BIN / "weed"), "version").split() + [""] * 3)[2],
        "commit": output("git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=9"),
        "day": time.strftime("%Y-%m-%d"),
        "count": options.count,
        "rounds": options.rounds,
        "large": options.large,
    }


def run(bench: Bench, cases: dict[str, Case], rounds: int, results: Path) -> None:
    """All cases of a stream in turn, round by round, then the next stream."""
    for stream, of in itertools.groupby(cases.items(), key=lambda pair: pair[1].stream):
        held, of = bench.publish(stream), list(of)
        for number, (name, case) in itertools.product(range(rounds), of):
            facts = {"case": name, "round": number, "events": held["messages"], "stream_bytes": held["bytes"]}
            pair = facts | bench.pair(case)
            with results.open("a") as file:
                file.write(json.dumps(pair) + "\n")
            rates = {what: held["messages"] / pair[what]["seconds"] for what in ("bare", "sink")}
            told = f"{rates['sink']:10,.0f} events/s, {rates['sink'] / rates['bare']:.2f} of the bare one"
            print(f"round {number + 1}  {name:16}{told}", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, required=True, help="the folder of warehouse-sink and fetch_and_ack")
    parser.add_argument("--results", type=Path, required=True, help="the file to write")
    parser.add_argument("--count", type=int, default=300_000, help="events of a stream of usual length")
    parser.add_argument("--large", type=int, default=2_000, help="events of 100 kB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", default="", help="as in bench/run")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers end too
    cases = chosen([name.strip() for name in options.cases.split(",") if name.strip()])
    options.results.write_text(json.dumps({"machine": machine(options)}) + "\n")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="warehouse-sink-bench.")))
        url = stack.enter_context(nats(folder))
        wanted = any(case.store == "s3" for case in cases.values())
        bucket = stack.enter_context(seaweedfs(folder)) if wanted else None
        [port] = free_ports(1)
        bench = Bench(folder, options.programs, url, f"127.0.0.1:{port}", bucket, options.count, options.large)
        run(bench, cases, options.rounds, options.results)


if __name__ == "__main__":
    main()
