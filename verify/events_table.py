"""Shows that the events of causality.v1 are stored as asked: in folders of any fields, and with native columns of their payload.

Each row is read with DuckDB and with pyarrow. Each column is compared with what Python's protobuf reads in the message: those of the
contract by expected.py, those of the payload by docs/schemas.md, and the folders by both. Prints a JSON summary; exits with 1 when
anything is wrong.
"""

import argparse
import json
import sys
from datetime import timedelta
from pathlib import Path

import any_message
import any_schema
import pyarrow as pa
import pyarrow.parquet as pq
import schema
import stream
from any_message import EPOCH, Json, NoRow
from expected import Poison, escape, expect
from wire import EventEnvelope

DEVICE = "device_context."
UNITS = {"none": [], "month": ["year", "month"], "day": ["year", "month", "day"], "hour": ["year", "month", "day", "hour"]}


def payload_of(message) -> dict:
    """The payload's columns: the name of its field, and one for each kind."""
    columns = any_message.columns(message, 2)
    kinds = [field.name for field in message.DESCRIPTOR.oneofs_by_name["payload"].fields]
    return {name: columns[name] for name in ["payload", *kinds]}


def folder_values(options: argparse.Namespace, message, columns: dict) -> dict:
    """The folders of a row and their values; none where the path holds Hive's name for it."""
    found = {}
    for name in filter(None, options.partition_by.split(",")):
        column = name.removeprefix(DEVICE)
        value = columns[column] if column in columns else any_schema.text(message, name)
        value = str(value).lower() if isinstance(value, bool) else value
        found[name.replace(".", "_") if column not in columns else column] = None if value in ("", None) else str(value)
    return found


def expect_row(options: argparse.Namespace, message: stream.Message) -> dict:
    """The columns of one row."""
    by_app = "app_id" in options.partition_by.split(",")
    row = expect(message.body, message.sequence, message.published_ns, by_app)
    event = EventEnvelope.FromString(message.body)
    columns = {**row.columns, "app_id": row.partition["app_id"], "payload_json": Json(row.payload)}
    columns["timestamp_ms"] *= 1000
    if options.payload == "native":
        del columns["payload_json"]
    if options.payload != "json":
        columns |= payload_of(event)
    values = folder_values(options, event, columns)
    millis = message.published_ns // 10**6 if options.event_time == "nats_published_at" else event.timestamp_ms
    when = EPOCH + timedelta(milliseconds=millis)
    units = {unit: getattr(when, unit) for unit in UNITS[options.partition_time]}
    parts = [f"{name}={escape(value or '')}" for name, value in values.items()]
    if any(len(part.encode()) > any_schema.LONGEST_NAME for part in parts):
        raise NoRow(parts)
    parts += [f"{unit}={value:0{4 if unit == 'year' else 2}}" for unit, value in units.items()]
    if options.in_file:
        columns |= {name: value for name, value in values.items() if name not in columns} | units
    else:
        columns = {name: value for name, value in columns.items() if name not in values}
    columns.pop("nats_stream_sequence")
    return {**columns, "\0folder": "/".join(parts)}


def wanted_schema(options: argparse.Namespace) -> pa.Schema:
    """The types of the columns, in their order."""
    folders = [name.removeprefix(DEVICE) for name in filter(None, options.partition_by.split(","))]
    units = UNITS[options.partition_time] if options.in_file else []
    dropped = set() if options.in_file else set(folders)
    dropped |= {"payload_json"} if options.payload == "native" else set()
    dropped |= set(UNITS["hour"]) - set(units)
    fields = [pa.field(name, kind, nullable) for name, kind, nullable in schema.COLUMNS if name not in dropped]
    if options.payload != "json":
        nested = any_message.arrow_fields(EventEnvelope.DESCRIPTOR, 2)
        kinds = {field.name for field in EventEnvelope.DESCRIPTOR.oneofs_by_name["payload"].fields}
        fields += [field for field in nested if field.name in kinds | {"payload"}]
    own = [name for name, _, _ in schema.COLUMNS]
    if options.in_file:
        fields += [pa.field(name.replace(".", "_"), pa.string()) for name in folders if name not in own]
    return pa.schema(fields)


def check_types(options: argparse.Namespace, files: list[Path]) -> list[str]:
    """What is wrong with the files' columns and with what they say of themselves."""
    wanted, faults = wanted_schema(options), []
    for file in files:
        found = pq.read_schema(file)
        if not found.remove_metadata().equals(wanted):
            differing = [f"{a}, but {b}" for a, b in zip(found, wanted, strict=False) if not a.equals(b)]
            faults.append(f"types: {len(found)} columns of {len(wanted)}: {differing[:3]}")
        name = pq.read_metadata(file).metadata.get(b"warehouse_sink.schema")
        if name != b"causality.v1":
            faults.append(f"{file}: its schema is called {name}")
    return faults


def check(options: argparse.Namespace) -> dict:
    """Compares all."""
    expected, poison = {}, set()
    for message in stream.read(options.url, options.stream, "events.>"):
        try:
            expected[message.sequence, 0] = expect_row(options, message)
        except (Poison, NoRow):
            poison.add(message.sequence)
    files = sorted(options.files.rglob("*.parquet"))
    letters = any_schema.with_pyarrow(sorted(options.dead_letter.rglob("*.parquet")))
    faults = check_types(options, files)
    if {row["nats_stream_sequence"] for row in letters} != poison:
        faults.append(f"{len(letters)} dead letters, but {len(poison)} messages are poison")
    for name, read in (("pyarrow", any_schema.with_pyarrow), ("duckdb", any_schema.with_duckdb)):
        rows = read(files)
        faults += [f"{name}: {fault}" for fault in any_schema.compare(options, rows, expected, {})]
    folders = {str(file.parent.relative_to(options.files)) for file in files}
    kinds = {row.get("payload") for row in expected.values()}
    return {
        "rows": len(expected), "poison": len(poison), "files": len(files), "folders": len(folders), "kinds": len(kinds),
        "faults": faults[: any_schema.MAX_FAULTS], "ok": not faults,
    }  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--stream", default="CAUSALITY_EVENTS")
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--dead-letter", type=Path, required=True)
    parser.add_argument("--payload", choices=["json", "native", "both"], default="json")
    parser.add_argument("--partition-by", default="app_id")
    parser.add_argument("--event-time", default="timestamp_ms")
    parser.add_argument("--partition-time", choices=list(UNITS), default="hour")
    parser.add_argument("--in-file", action="store_true", help="what makes folders is in the files too")
    report = check(parser.parse_args())
    print(json.dumps(report))
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
