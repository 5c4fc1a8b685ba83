"""Shows that the stored files hold exactly what the stream holds.

Every message of the stream is decoded with Python's protobuf and turned into the row that the contract asks for. The
files are read with DuckDB and with pyarrow. Every column of every row is compared, and the path; each event must be
there exactly once, each poison message in the dead letter alone, byte for byte.

Prints a JSON summary; exits with 1 when anything is wrong.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pyarrow as pa

import compare
import dead_letter
import remote
import stored
import stream
from compare import Faults
from expected import Expected, Poison, expect


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="the NATS server")
    parser.add_argument("--stream", default="CAUSALITY_EVENTS")
    parser.add_argument("--subject", default="events.>", help="what the sink's consumer is filtered by")
    parser.add_argument("--consumer", help="report this consumer's state, and demand that nothing is pending")
    parser.add_argument("--files", required=True, help="folder of the event files; with --store, their prefix")
    parser.add_argument("--dead-letter", help="folder, or prefix, of the dead letters; without it none are expected")
    parser.add_argument("--allow-duplicates", type=int, default=0, metavar="N", help="rows beyond one per message")
    parser.add_argument("--allow-missing", action="store_true", help="while the sink is still at work")
    parser.add_argument("--expect-count", type=int, metavar="N", help="events that the stream must hold")
    parser.add_argument(
        "--confirmed", type=Path, metavar="FILE", help="lines of sequence and id that the publisher saw confirmed"
    )
    parser.add_argument("--store", choices=list(remote.OPENERS), help="read the files from a server of this kind")
    parser.add_argument("--endpoint", metavar="HOST:PORT", help="the server")
    parser.add_argument("--bucket", help="its bucket or container")
    parser.add_argument("--key", help="the access key id, or the name of the account")
    parser.add_argument("--secret", help="the key that belongs to it")
    return parser.parse_args()


def split(messages: list[stream.Message]) -> tuple[dict[int, Expected], dict[int, stream.Message]]:
    """Sorts the stream's messages into expected rows and poison, both by stream sequence."""
    expected, poison = {}, {}
    for message in messages:
        try:
            expected[message.sequence] = expect(message.body, message.sequence, message.published_ns)
        except Poison:
            poison[message.sequence] = message
    return expected, poison


def check_events(
    files: stored.Files, tables: dict[str, pa.Table], expected: dict[int, Expected], faults: Faults
) -> dict:
    """Compares the event files, as each reader read them, with the expected rows."""
    wanted = compare.expected_table(expected)
    report = {}
    for reader, read_hive in (("duckdb", stored.hive_duckdb), ("pyarrow", stored.hive_pyarrow)):
        table = tables[reader]
        actual, duplicates, missing = compare.settle_sequences(table, expected, faults)
        report[reader] = {"rows": len(table), "duplicates": duplicates, "missing": missing}
        if len(actual):
            compare.compare_rows(actual, expected, wanted, files.root, faults)
        if files.paths:
            compare.compare_hive(read_hive(files), expected, reader, faults)
    return report


def repeated_ids(table: pa.Table, expected: dict[int, Expected]) -> int:
    """Rows beyond one for an id, as far as the publisher did not send that id more than once."""
    if not len(table):
        return 0
    ids = table["id"]
    published = len(expected) - len({row.columns["id"] for row in expected.values()})
    return max(0, len(ids) - len(ids.unique()) - published)


def check_confirmed(path: Path, table: pa.Table, faults: Faults) -> dict:
    """Looks for each event that was confirmed to its publisher, whatever the stream holds now."""
    confirmed = {(int(sequence), id) for sequence, id in (line.split() for line in path.read_text().splitlines())}
    found = set(zip(table[stored.SEQUENCE].to_pylist(), table["id"].to_pylist(), strict=True))
    missing = sorted(confirmed - found)
    if missing:
        faults.add(f"{len(missing)} confirmed events are not stored, the first as {missing[0]}")
    return {"events": len(confirmed), "missing": len(missing)}


def judge(options: argparse.Namespace, report: dict, faults: Faults) -> None:
    """Turns the counts into faults where they are not what was asked for."""
    for reader in ("duckdb", "pyarrow"):
        seen = report[reader]
        if seen["duplicates"] > options.allow_duplicates:
            faults.add(f"{reader}: {seen['duplicates']} duplicates, {options.allow_duplicates} allowed")
        if seen["missing"] and not options.allow_missing:
            faults.add(f"{reader}: {seen['missing']} events missing")
    if report["repeated_ids"] > options.allow_duplicates:
        faults.add(f"{report['repeated_ids']} rows repeat an id, {options.allow_duplicates} allowed")
    if report["dead_letter"]["duplicates"] > options.allow_duplicates:
        faults.add(f"dead letter: {report['dead_letter']['duplicates']} duplicates")
    if report["dead_letter"]["missing"] and options.dead_letter and not options.allow_missing:
        faults.add(f"dead letter: {report['dead_letter']['missing']} messages missing")
    if options.expect_count is not None and report["events"] != options.expect_count:
        faults.add(f"the stream holds {report['events']} events, not {options.expect_count}")
    if options.consumer:
        state = report["consumer"]
        if state is None:
            faults.add(f"there is no consumer {options.consumer}")
        elif not options.allow_missing and (state["num_pending"] or state["num_ack_pending"]):
            faults.add(f"the consumer is not done: {state}")


def verify(options: argparse.Namespace, root: Path) -> tuple[dict, Faults]:
    """All checks, on files below a local folder."""
    faults = Faults()
    messages = stream.read(options.url, options.stream, options.subject)
    expected, poison = split(messages)

    files = stored.Files.under(root / options.files)
    stored.check_files(files, options.stream, dead_letter=False)
    letters = stored.Files.under(root / options.dead_letter) if options.dead_letter else stored.Files(root)
    stored.check_files(letters, options.stream, dead_letter=True)
    for fault in files.faults + letters.faults:
        faults.add(fault)

    tables = {"duckdb": stored.read_duckdb(files), "pyarrow": stored.read_pyarrow(files)}
    report = {
        "messages": len(messages),
        "events": len(expected),
        "poison": len(poison),
        "files": len(files.paths),
        "partitions": len({path.parent for path in files.paths}),
        **check_events(files, tables, expected, faults),
        "repeated_ids": repeated_ids(tables["pyarrow"], expected),
        "published_twice": len(expected) - len({row.columns["id"] for row in expected.values()}),
        "confirmed": check_confirmed(options.confirmed, tables["duckdb"], faults) if options.confirmed else None,
        "dead_letter": dead_letter.check(letters, poison, faults),
        "consumer": stream.consumer(options.url, options.stream, options.consumer) if options.consumer else None,
    }
    judge(options, report, faults)
    return report, faults


def main() -> int:
    """Runs the checks and prints the summary."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        root = Path.cwd()
        if options.store:
            root = Path(scratch)
            opened = remote.OPENERS[options.store](options.endpoint, options.key, options.secret)
            remote.download(opened, options.bucket, root)
        report, faults = verify(options, root)
    report |= {"ok": faults.count == 0, "faults": faults.count, "first_faults": faults.first}
    print(json.dumps(report, indent=1))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
