"""Publishes JSON documents, and shows that the stored files hold what was published.

Each document is made together with the row that docs/json.md says it is, or with the reason why it is none; each row is read with DuckDB and
with pyarrow, and each column compared. Prints a JSON summary; exits with 1 when anything is wrong.
"""

import argparse
import asyncio
import base64
import json
import random
import struct
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from nats.js.api import StorageType, StreamConfig

import any_schema
import stream
from any_message import EPOCH, MICROSECOND
from expected import escape

MAX_FAULTS = 20
TEXTS = ["", "x", "größe", '"quoted" \\ / \n\t\x01', "東京", "😀", "a'b", "null", "7"]
TIME = pa.timestamp("us", "UTC")


class Maker:
    """Values at random: each as JSON text and as the row has it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self):
        value = self.random.choice(TEXTS)
        return json.dumps(value, ensure_ascii=self.random.random() < 0.5), value

    def boolean(self):
        value = self.random.random() < 0.5
        return json.dumps(value), value

    def integer(self, least: int, most: int):
        value = self.random.choice([least, most, 0, self.random.randint(least, most), self.random.randint(0, 100)])
        forms = [str(value), f"{value}.0", f'"{value}"', f"{value}.00e0", f"{value}0E-1" if value else "0E7"]
        return self.random.choice([str(value), *forms]), value

    def small(self):
        value = self.random.randint(0, 1)
        return str(value), value

    def double(self):
        value = self.random.choice([0.0, -0.0, 0.1, 1e308, 5e-324, self.random.uniform(-1e6, 1e6), float("nan"), float("-inf")])
        words = {"nan": '"NaN"', "-inf": '"-Infinity"'}
        return words.get(repr(value), repr(value)), value

    def single(self):
        value = struct.unpack("f", struct.pack("f", self.random.uniform(-1e6, 1e6)))[0]
        return repr(value), value

    def decimal(self, precision: int, scale: int):
        digits = self.random.randrange(10 ** self.random.randint(1, precision))
        value = Decimal(digits * self.random.choice([1, -1])).scaleb(-scale, None)
        value = value.quantize(Decimal(1).scaleb(-scale)) if digits < 10**27 else value
        return self.random.choice([f"{value:f}", f'"{value:f}"', f"{value:f}" + ("0" if scale else "")]), value

    def blob(self):
        value = self.random.randbytes(self.random.randint(0, 5))
        text = self.random.choice([base64.b64encode, base64.urlsafe_b64encode])(value).decode()
        return json.dumps(self.random.choice([text, text.rstrip("=")])), value

    def day(self):
        value = self.random.choice([date.min, date.max, date(1970, 1, 1), date(2024, 2, 29)])
        return f'"{value.isoformat()}"', value

    def moment(self):
        micros = self.random.choice([0, -1, 1_709_210_097_123_456, self.random.randrange(2 * 10**15)])
        zone = timezone(timedelta(minutes=self.random.choice([0, 90, -720])))
        text = (EPOCH + micros * MICROSECOND).astimezone(zone).isoformat().replace("+00:00", "Z")
        return f'"{text}"', micros

    def number_of(self, per_second: int):
        """A time as a number, exactly in micros."""
        micros = self.random.choice([0, 1_709_210_097_000_000, self.random.randrange(10**12) * 1000])
        number = Decimal(micros) * per_second / 10**6
        return self.random.choice([f"{number:f}", f'"{number:f}"']), micros

    def anything(self):
        value = self.random.choice(["[1, {\"a\":null}]", "7.10", "true", '"\\u0041"', "{}"])
        return value, value

    def many(self, element, most: int = 3):
        made = [self.maybe(element) for _ in range(self.random.randint(0, most))]
        return f"[{', '.join(text for text, _ in made)}]", [value for _, value in made]

    def keyed(self, element):
        keys = self.random.sample(["", "a", "b c", "ö", 'q"'], self.random.randint(0, 3))
        made = {key: self.maybe(element) for key in keys}
        text = ",".join(f"{json.dumps(key)}:{text}" for key, (text, _) in made.items())
        return f"{{{text}}}", {key: value for key, (_, value) in sorted(made.items(), key=lambda item: item[0].encode())}

    def maybe(self, make):
        """Null at times."""
        return ("null", None) if self.random.random() < 0.1 else make()

    def document(self, columns, extra: str | None = None):
        """An object with these columns: missing or null at times, in any order, with something that has no column."""
        members, row = [], {}
        for key, name, required, make in columns:
            text, value = make() if required else self.maybe(make)
            row[name] = value
            if value is not None or self.random.random() < 0.5:
                members.append(f"{json.dumps(key)}:{text}")
        if extra:
            members.append(extra)
        self.random.shuffle(members)
        return f"{{{', '.join(members)}}}", row


def kinds(make: Maker):
    """A column of each type."""
    shop = [("city", "city", False, make.text), ("zip code", "zip", True, make.small)]
    item = [
        ("sku", "sku", True, make.text),
        ("price", "price", False, lambda: make.decimal(12, 2)),
        ("at", "at", False, lambda: make.number_of(1000)),
    ]
    item_type = pa.struct([pa.field("sku", pa.string(), False), ("price", pa.decimal128(12, 2)), ("at", TIME)])
    shop_type = pa.struct([("city", pa.string()), pa.field("zip", pa.int32(), False)])
    item_text = "struct<sku: string required, price: decimal(12, 2), at: timestamp(ms)>"
    of = lambda kind: pa.list_(pa.field("element", kind))  # noqa: E731
    integers = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1), "uint32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1)}
    rows = [
        ("id", "int64 required", pa.int64(), lambda: make.integer(-(2**63), 2**63 - 1)),
        ("flag", "bool", pa.bool_(), make.boolean),
        *((name, name, getattr(pa, name)(), lambda bounds=bounds: make.integer(*bounds)) for name, bounds in integers.items()),
        ("single", "float32", pa.float32(), make.single),
        ("double", "float64", pa.float64(), make.double),
        ("price", "decimal(12, 2)", pa.decimal128(12, 2), lambda: make.decimal(12, 2)),
        ("wide", "decimal(38, 10)", pa.decimal128(38, 10), lambda: make.decimal(27, 10)),
        ("name", "string", pa.string(), make.text),
        ("blob", "bytes", pa.binary(), make.blob),
        ("born", "date", pa.date32(), make.day),
        ("at", "timestamp", TIME, make.moment),
        ("at_s", "timestamp(s)", TIME, lambda: make.number_of(1)),
        ("at_ms", "timestamp(ms)", TIME, lambda: make.number_of(10**3)),
        ("at_us", "timestamp(us)", TIME, lambda: make.number_of(10**6)),
        ("at_ns", "timestamp(ns)", TIME, lambda: make.number_of(10**9)),
        ("raw", "json", pa.string(), make.anything),
        ("tags", "list<string>", of(pa.string()), lambda: make.many(make.text)),
        ("matrix", "list<list<int32>>", of(of(pa.int32())), lambda: make.many(lambda: make.many(lambda: make.integer(0, 9)))),
        ("shop", 'struct<city: string, "zip code": int32 required as zip>', shop_type, lambda: make.document(shop)),
        ("items", f"list<{item_text}>", of(item_type), lambda: make.many(lambda: make.document(item))),
        ("attributes", "map<string, string>", pa.map_(pa.string(), pa.string()), lambda: make.keyed(make.text)),
        ("by_day", f"map<string, list<{item_text}>>", pa.map_(pa.string(), of(item_type)), lambda: make.keyed(lambda: make.many(lambda: make.document(item), 1))),
        ('a."b"', "string", pa.string(), make.text),
    ]  # fmt: skip
    return [(key, declared, kind, declared.endswith("required"), making) for key, declared, kind, making in rows]


def declare(columns) -> str:
    """The text of `schema.columns`."""
    return ",\n".join(f"{json.dumps(key)}: {declared}" for key, declared, *_ in columns)


NO_TIME = "the event has no usable time: {} must lie after the start of 1970 and before the year 10000"
ROW = "the JSON can't be a row: "
POISON = [
    (b"", "the message has no body; schema.on_empty_body says what becomes of such"),
    (b'{"id":1', "the body is not JSON: expected a comma or the end of the object (at byte 7)"),
    (b'{"id":1} x', "the body is not JSON: something stands behind the object (at byte 9)"),
    (b'{"id":1,"name":"\xff"}', "the body is not JSON: it is not UTF-8 (at byte 16)"),
    (b'{"id":1,"new":"\\ud800"}', "the body is not JSON: an escape is half of a surrogate pair, which is no character (at byte 15)"),
    (b"[]", ROW + "expected an object, found an array (at byte 0)"),
    (b"{}", ROW + "id: is required, and missing (at byte 0)"),
    (b'{"id":null}', ROW + "id: is required, and null (at byte 6)"),
    (b'{"id":1.5}', ROW + "id: expected an int64, found a number with more decimal places (at byte 6)"),
    (b'{"id":1,"int32":2147483648}', ROW + "int32: expected an int32, found a number beyond its range (at byte 16)"),
    (b'{"id":1,"price":1.005}', ROW + "price: expected a decimal, found a number with more decimal places (at byte 16)"),
    (b'{"id":1,"name":7}', ROW + "name: expected a string, found a number (at byte 15)"),
    (b'{"id":1,"at":"2026-11-23T14:05:00"}', ROW + "at: is a time without a zone, which may be any hour: expected one such as "
     "2026-11-23T14:05:00Z or 2026-11-23T14:05:00+01:00 (at byte 13)"),
    (b'{"id":1,"items":[{"sku":"a"},{"sku":true}]}', ROW + "items[1].sku: expected a string, found true (at byte 36)"),
    (b'{"id":1,"attributes":{"secret":1}}', ROW + "attributes.*: expected a string, found a number (at byte 31)"),
    (b'{"id":1,"shop":{}}', ROW + 'shop."zip code": is required, and missing (at byte 15)'),
    (b'{"id":1,"a.\\"b\\"":{}}', ROW + '"a.\\"b\\"": expected a string, found an object (at byte 18)'),
]  # fmt: skip


def make_kinds(options: argparse.Namespace):
    """Bodies, and for each its rows and reasons."""
    make = Maker(options.seed)
    columns = kinds(make)
    parts = [(key, key, required, making) for key, _, _, required, making in columns]
    made = []
    for index in range(options.count):
        extra = f'"new {index}": [{index}, {{"x":"\\u0041"}}]' if index % 2 == 0 else None
        body, row = make.document(parts, extra)
        row["unknown_fields"] = None if extra is None else f'{{"new {index}":[{index}, {{"x":"\\u0041"}}]}}'
        row["nats_subject"] = options.subject
        made.append((body.encode(), [row], []))
    return made + [(body, [], [reason]) for body, reason in POISON]


EMPTY = "the batch has no elements, so it makes no row; schema.on_empty_batch says what becomes of such"


def make_batches(options: argparse.Namespace):
    """Documents that are batches; some elements are none."""
    make, made = Maker(options.seed), []
    for _ in range(options.count):
        tenant, elements, rows, reasons = make.random.choice(TEXTS), [], [], []
        for index in range(make.random.randint(0, 4)):
            broken = make.random.random() < 0.2
            (text, micros), (amount, value) = make.number_of(1), make.decimal(12, 2)
            elements.append(f'{{"sold":{text},"amount":{"true" if broken else amount}}}')
            where = f"element {index} of the batch: "
            if broken:
                reasons.append(where + ROW + "sales[0].amount: expected a decimal, found true")
            elif micros < 1000:
                reasons.append(where + NO_TIME.format("sales.sold"))
            else:
                rows.append({"sales": {"sold": micros, "amount": value}, "\0tenant": tenant, "\0index": index, "\0at": micros})
        if not elements:
            reasons.append(EMPTY)
        made.append((f'{{"sales":[{",".join(elements)}],"tenant":{json.dumps(tenant)}}}'.encode(), rows, reasons))
    reason = ROW + "sales: expected an array, found an object (at byte 9)"
    return [*made, (b'{"sales":{}}', [], [reason]), (b'{"tenant":"none"}', [], [EMPTY])]


BATCH = [
    ("tenant", "string", None),
    ("sales", "list<struct<sold: timestamp(s), amount: decimal(12, 2)>>", pa.struct([("sold", TIME), ("amount", pa.decimal128(12, 2))])),
]  # fmt: skip


def kinds_folder(row: dict, published_ns: int) -> str:
    """By two columns and one within another, and the day of publishing."""
    shop = row["shop"] or {}
    flag = "" if row["flag"] is None else str(row["flag"]).lower()
    parts = {"flag": flag, "shop_city": shop.get("city") or "", "shop_zip": "" if not shop else str(shop["zip"])}
    day = EPOCH + published_ns // 1000 * MICROSECOND
    return "/".join(f"{name}={escape(value)}" for name, value in parts.items()) + f"/{day:year=%Y/month=%m/day=%d}"


def batch_folder(row: dict, _: int) -> str:
    """By the tenant and the month of each sale."""
    at = EPOCH + row["\0at"] * MICROSECOND
    tenant = escape(row["\0tenant"])
    return f"tenant={tenant}/{at:year=%Y/month=%m}"


async def publish(options: argparse.Namespace, bodies: list[bytes]) -> None:
    """Makes the stream where it is not there, and publishes each body."""
    client = await stream.connect(options.url)
    try:
        manager = client.jetstream()
        await manager.add_stream(StreamConfig(name=options.stream, subjects=["events.>"], storage=StorageType.FILE))
        for body in bodies:
            await manager.publish(options.subject, body, stream=options.stream)
    finally:
        await client.close()


def check_types(files: list[Path], wanted: pa.Schema) -> list[str]:
    """What is wrong with the columns' types, for pyarrow and for DuckDB."""
    faults = []
    for file in files:
        found = pq.read_schema(file).remove_metadata()
        if not found.equals(wanted):
            faults.append(f"types: {[f'{a}, but {b}' for a, b in zip(found, wanted, strict=False) if not a.equals(b)][:3]}")
    query = "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)"
    described = duckdb.connect().execute(query, [str(files[0])]).fetchall() if files else []
    for (name, found, *_), field in zip(described, wanted, strict=True):
        if (name, found.replace('"', "")) != (field.name, any_schema.duckdb_type(field.type).replace('"', "")):
            faults.append(f"types: DuckDB has {name} {found}, but {any_schema.duckdb_type(field.type)}")
    return faults


def check(options: argparse.Namespace) -> dict:
    """Compares all."""
    is_batch = options.case == "batches"
    made, folder = (make_batches(options), batch_folder) if is_batch else (make_kinds(options), kinds_folder)
    declared = BATCH if is_batch else [(key, text, kind) for key, text, kind, *_ in kinds(Maker(0))]
    in_path = {"tenant"} if is_batch else {"flag"}
    fields = [pa.field(key, kind, not text.endswith("required")) for key, text, kind in declared if key not in in_path]
    fields += [pa.field("nats_stream_sequence", pa.int64(), False), pa.field("nats_published_at", TIME, False)]
    fields += [pa.field("nats_row_index", pa.int32(), False)] if is_batch else [("nats_subject", pa.string()), ("unknown_fields", pa.string())]
    expected, reasons = {}, []
    messages = stream.read(options.url, options.stream, options.subject)
    faults = [] if [message.body for message in messages] == [body for body, *_ in made] else ["the stream holds other messages"]
    for message, (_, rows, refused) in zip(messages, made, strict=True):
        reasons += [(message.sequence, reason) for reason in refused]
        for row in rows:
            where = folder(row, message.published_ns)
            kept = {name: value for name, value in row.items() if name not in in_path and not name.startswith("\0")}
            kept |= {"nats_published_at": message.published_ns // 1000, "\0folder": where}
            expected[message.sequence, row.get("\0index", 0)] = kept
    letters = any_schema.with_pyarrow(sorted(options.dead_letter.rglob("*.parquet")))
    # What stands behind the elements of a batch is elsewhere in a row: the byte is not looked at there.
    cut = (lambda reason: reason.split(" (at byte")[0]) if is_batch else (lambda reason: reason)
    found = sorted((row["nats_stream_sequence"], cut(row["reason"])) for row in letters)
    reasons = sorted((sequence, cut(reason)) for sequence, reason in reasons)
    faults += [f"dead letter: {a}, but {b}" for a, b in zip(found, reasons, strict=False) if a != b]
    faults += [] if len(found) == len(reasons) else [f"{len(found)} dead letters, but {len(reasons)}"]
    files = sorted(options.files.rglob("*.parquet"))
    faults += check_types(files, pa.schema(fields))
    for name, read in (("pyarrow", any_schema.with_pyarrow), ("duckdb", any_schema.with_duckdb)):
        faults += [f"{name}: {fault}" for fault in any_schema.compare(options, read(files), expected, {})]
    return {"rows": len(expected), "poison": len(reasons), "files": len(files), "faults": faults[:MAX_FAULTS], "ok": not faults}


def query(options: argparse.Namespace) -> dict:
    """What DuckDB answers of the files, united by name."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    source = f"read_parquet('{options.files}/**/*.parquet', union_by_name = true, hive_partitioning = true)"
    rows = connection.execute(options.sql.replace("FILES", source)).fetchall()
    return {"rows": [[str(value) if isinstance(value, (datetime, date, Decimal)) else value for value in row] for row in rows], "ok": True}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["columns", "publish", "check", "send", "query"])
    parser.add_argument("--body", action="append", default=[], help="a message to send")
    parser.add_argument("--sql", help="a query of FILES")
    parser.add_argument("--case", choices=["kinds", "batches"], default="kinds")
    parser.add_argument("--url")
    parser.add_argument("--stream", default="CAUSALITY_EVENTS")
    parser.add_argument("--subject", default="events.rows")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--dead-letter", type=Path)
    options = parser.parse_args()
    if options.command == "check":
        report = check(options)
    elif options.command == "query":
        report = query(options)
    elif options.command == "columns":
        report = {"columns": declare(BATCH if options.case == "batches" else kinds(Maker(0))), "ok": True}
    else:
        made = (make_batches if options.case == "batches" else make_kinds)(options) if options.command == "publish" else []
        bodies = [body for body, *_ in made] + [body.encode() for body in options.body]
        asyncio.run(publish(options, bodies))
        report = {"messages": len(bodies), "rows": sum(len(rows) for _, rows, _ in made), "ok": True}
    print(json.dumps(report))
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
