"""Publishes messages of any type, and shows that the stored files hold what was published.

Each row is read with DuckDB and with pyarrow, and each column compared with what Python's protobuf reads in the message: by
docs/schemas.md. Prints a JSON summary; exits with 1 when anything is wrong.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from google.protobuf.message import DecodeError
from nats.js.api import StorageType, StreamConfig

import any_message
import stream
from any_message import NoRow
from expected import escape

SUBJECT = "events.rows"
LONGEST_NAME = 255  # bytes of a folder
MAX_FAULTS = 20
UNKNOWN = b"\xc2\x3e\x02hi"  # field 1000, which no schema here has


async def publish(options: argparse.Namespace, bodies: list[bytes]) -> None:
    """Makes the stream where it is not there, and publishes each body."""
    client = await stream.connect(options.url)
    try:
        manager = client.jetstream()
        await manager.add_stream(StreamConfig(name=options.stream, subjects=["events.>"], storage=StorageType.FILE))
        for index, body in enumerate(bodies):
            headers = {"X-Tenant": f"tenant-{index}"} if options.extras and index % 3 == 0 else None
            await manager.publish(options.subject, body, stream=options.stream, headers=headers)
    finally:
        await client.close()


def make(options: argparse.Namespace, descriptor_set: bytes) -> tuple[list[bytes], list[bytes]]:
    """Messages at random, and bodies that are none."""
    kind = any_message.load(descriptor_set, options.message)
    maker = any_message.Maker(random.Random(options.seed), {})
    bodies = []
    for _ in range(options.count):
        message = kind()
        maker.fill(message, 3)
        body = message.SerializeToString(deterministic=True)
        bodies.append(body + UNKNOWN if options.extras and len(bodies) % 2 == 0 else body)
    return bodies, [b"\xff", b"\x0a\x05a"]


def folder(options: argparse.Namespace, message, published_ns: int) -> str:
    """The folder of a row."""
    parts = []
    for path in filter(None, options.partition_by.split(",")):
        parts.append(f"{path.replace('.', '_')}={escape(text(message, path))}")
        if len(parts[-1].encode()) > LONGEST_NAME:
            raise NoRow(path)
    millis = event_millis(message, options.event_time) if options.event_time else published_ns // 10**6
    when = any_message.EPOCH + millis * 1000 * any_message.MICROSECOND
    names = {"none": [], "month": ["year", "month"], "day": ["year", "month", "day"]}
    units = names.get(options.partition_time, ["year", "month", "day", "hour"])
    return "/".join(parts + [f"{unit}={getattr(when, unit):0{4 if unit == 'year' else 2}}" for unit in units])


def text(message, path: str) -> str:
    """The value of a field as a folder has it; empty where it is not there."""
    message, last = holder(message, path)
    if message is None:
        return ""
    field, value = message.DESCRIPTOR.fields_by_name[last], getattr(message, last)
    if field.has_presence and not message.HasField(last):
        return ""
    if field.message_type is not None:
        value = value.value
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        value = known.name if known else value
    return str(value).lower() if isinstance(value, bool) else str(value)


def holder(message, path: str):
    """The message that holds the last field of a path, and the field; none where it is not there. A batch has one element."""
    *outer, last = path.split(".")
    for name in outer:
        if message.DESCRIPTOR.fields_by_name[name].is_repeated:
            message = getattr(message, name)[0]
        elif message.HasField(name):
            message = getattr(message, name)
        else:
            return None, last
    return message, last


def event_millis(message, name: str) -> int:
    """The event's time in milliseconds; no row where there is none after 1970."""
    message, last = holder(message, name)
    if message is None:
        raise NoRow(name)
    value = getattr(message, last)
    millis = value if isinstance(value, int) else value.seconds * 1000 + value.nanos // 10**6
    if not 0 < millis <= any_message.LAST_SECOND * 1000 + 999:
        raise NoRow(name)
    return millis


def parts(options: argparse.Namespace, message) -> list:
    """The messages that are rows: a batch makes one of each element."""
    if not options.explode:
        return [message]
    rows = []
    for element in getattr(message, options.explode):
        row = type(message)()
        row.CopyFrom(message)
        row.ClearField(options.explode)
        getattr(row, options.explode).append(element)
        rows.append(row)
    return rows


def expect(options: argparse.Namespace) -> tuple[dict[tuple, dict], Counter]:
    """The rows by sequence and index, with their folder and their own columns, and how many of each message are none."""
    kind = any_message.load(any_message.compile_set(options.proto), options.message)
    rows, poison = {}, Counter()
    for message in stream.read(options.url, options.stream, options.subject):
        try:
            if not message.body:
                raise NoRow("no body")
            whole = kind.FromString(message.body)
            parsed = parts(options, whole)
            if options.explode:
                if not parsed:
                    raise NoRow("no elements")
                # What stands around the elements is judged once.
                whole.ClearField(options.explode)
                any_message.columns(whole, options.recursion_depth)
        except (DecodeError, NoRow):
            poison[message.sequence] += 1
            continue
        for index, part in enumerate(parsed):
            try:
                rows[message.sequence, index] = expect_row(options, message, part)
            except NoRow:
                poison[message.sequence] += 1
    return rows, poison


def expect_row(options: argparse.Namespace, message: stream.Message, part) -> dict:
    """The columns of one row."""
    row = any_message.columns(part, options.recursion_depth)
    if options.explode:
        row[options.explode] = row[options.explode][0]
    row["\0folder"] = folder(options, part, message.published_ns)
    for path in filter(None, options.partition_by.split(",")):
        row.pop(path, None)
    if options.extras:
        row["nats_subject"] = message.subject
        row["nats_header_x_tenant"] = message.headers.get("X-Tenant")
        row["unknown_fields"] = UNKNOWN if message.body.endswith(UNKNOWN) else None
    row["nats_published_at"] = message.published_ns // 1000
    return row


def check_types(options: argparse.Namespace, files: list[Path], renamed: dict) -> list[str]:
    """What is wrong with the columns' types, for pyarrow and for DuckDB."""
    kind = any_message.load(any_message.compile_set(options.proto), options.message)
    fields = any_message.arrow_fields(kind.DESCRIPTOR, options.recursion_depth, explode=options.explode)
    fields = [field.with_name(renamed.get(field.name, field.name)) for field in fields]
    fields = [field for field in fields if field.name not in options.partition_by.split(",")]
    fields.append(pa.field("nats_stream_sequence", pa.int64(), nullable=False))
    fields.append(pa.field("nats_published_at", pa.timestamp("us", "UTC"), nullable=False))
    if options.explode:
        fields.append(pa.field("nats_row_index", pa.int32(), nullable=False))
    if options.extras:
        fields += [pa.field("nats_subject", pa.string()), pa.field("nats_header_x_tenant", pa.string())]
        fields.append(pa.field("unknown_fields", pa.binary()))
    wanted, faults = pa.schema(fields), []
    for file in files:
        schema = pq.read_schema(file).remove_metadata()
        if not schema.equals(wanted):
            differing = [f"{a}, but {b}" for a, b in zip(schema, wanted, strict=False) if not a.equals(b)]
            faults.append(f"types: {len(schema)} columns of {len(wanted)}: {differing[:3]}")
    query = "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)"
    described = duckdb.connect().execute(query, [str(files[0])]).fetchall() if files else []
    for (name, found, *_), field in zip(described, wanted, strict=True):
        # It puts names that are words of SQL in quotes.
        if (name, found.replace('"', "")) != (field.name, duckdb_type(field.type)):
            faults.append(f"types: DuckDB has {name} {found}, but {duckdb_type(field.type)}")
    return faults


def duckdb_type(kind: pa.DataType) -> str:
    """What DuckDB calls a type."""
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{field.name} {duckdb_type(field.type)}' for field in kind)})"
    if pa.types.is_map(kind):
        return f"MAP({duckdb_type(kind.key_type)}, {duckdb_type(kind.item_type)})"
    if pa.types.is_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    names = {
        "double": "DOUBLE", "float": "FLOAT", "int32": "INTEGER", "int64": "BIGINT", "uint32": "UINTEGER",
        "uint64": "UBIGINT", "bool": "BOOLEAN", "string": "VARCHAR", "binary": "BLOB", "duration[us]": "BIGINT",
        "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE", "date32[day]": "DATE",
    }  # fmt: skip
    return names[str(kind)]


def with_pyarrow(files: list[Path]) -> list[dict]:
    """Every row as pyarrow reads it, with its file."""
    return [{**row, "\0file": file} for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def with_duckdb(files: list[Path]) -> list[dict]:
    """Every row as DuckDB reads it, with its file."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    query = "SELECT * EXCLUDE filename, filename AS file__ FROM read_parquet(?, hive_partitioning = false, filename = true)"
    found = connection.execute(query, [[str(file) for file in files]]).to_arrow_table().to_pylist()
    return [{"\0file": Path(row.pop("file__")), **row} for row in found]


def compare(options: argparse.Namespace, rows: list[dict], expected: dict[tuple, dict], renamed: dict) -> list[str]:
    """What is wrong with the rows that a reader found."""
    faults, seen = [], set()
    for row in rows:
        sequence = row.pop("nats_stream_sequence"), row.pop("nats_row_index", 0)
        file = row.pop("\0file").parent.relative_to(options.files)
        if sequence in seen or sequence not in expected:
            faults.append(f"{sequence}: {'twice' if sequence in seen else 'not expected'}")
            continue
        seen.add(sequence)
        wanted = {renamed.get(name, name): value for name, value in expected[sequence].items()}
        if str(file) != (wanted.pop("\0folder") or "."):
            faults.append(f"{sequence}: is in {file}")
        if row.keys() != wanted.keys():
            faults.append(f"{sequence}: columns {sorted(row.keys() ^ wanted.keys())}")
            continue
        for name, value in wanted.items():
            fault = any_message.difference(any_message.normal(row[name], value), value, f"{sequence}.{name}")
            faults += [fault] if fault else []
    faults += [f"{sequence}: missing" for sequence in sorted(expected.keys() - seen)]
    return faults


def check(options: argparse.Namespace) -> dict:
    """Compares all."""
    expected, poison = expect(options)
    renamed = dict(pair.split("=") for pair in options.renamed)
    files = sorted(options.files.rglob("*.parquet"))
    letters = sorted(options.dead_letter.rglob("*.parquet")) if options.dead_letter else []
    letters = [row for row in with_pyarrow(letters) if row["nats_subject"] == options.subject]
    dead = Counter(row["nats_stream_sequence"] for row in letters)
    reasons = sorted({row["reason"] for row in letters})
    faults = [f"{sequence}: dead letters: {dead[sequence]}, but {poison[sequence]}" for sequence in (dead - poison) + (poison - dead)]
    columns = 0
    faults += check_types(options, files, renamed)
    for name, read in (("pyarrow", with_pyarrow), ("duckdb", with_duckdb)):
        found = read(files)
        columns = max(columns, *(len(row) for row in found)) if found else columns
        faults += [f"{name}: {fault}" for fault in compare(options, found, expected, renamed)]
    return {
        "rows": len(expected), "poison": poison.total(), "columns": columns, "files": len(files),
        "reasons": reasons, "faults": faults[:MAX_FAULTS], "ok": not faults,
    }  # fmt: skip


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["publish", "check"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--stream", default="CAUSALITY_EVENTS")
    parser.add_argument("--subject", default=SUBJECT)
    parser.add_argument("--proto", type=Path, required=True)
    parser.add_argument("--message", required=True)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--descriptor-set-out", type=Path)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--dead-letter", type=Path)
    parser.add_argument("--recursion-depth", type=int, default=2)
    parser.add_argument("--partition-by", default="")
    parser.add_argument("--event-time")
    parser.add_argument("--partition-time", default="hour")
    parser.add_argument("--renamed", action="append", default=[], metavar="FIELD=COLUMN")
    parser.add_argument("--explode", metavar="FIELD", help="a row for each element of this field")
    parser.add_argument("--extras", action="store_true", help="unknown fields, the subject and a header as columns too")
    options = parser.parse_args()
    if options.command == "check":
        report = check(options)
    else:
        descriptor_set = any_message.compile_set(options.proto)
        if options.descriptor_set_out:
            options.descriptor_set_out.write_bytes(descriptor_set)
        good, poison = make(options, descriptor_set)
        asyncio.run(publish(options, good + poison))
        report = {"messages": len(good), "poison": len(poison), "ok": True}
    print(json.dumps(report))
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
