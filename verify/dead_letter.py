"""Compares the dead-letter files with the poison messages of the stream."""

import pyarrow as pa

import stored
from compare import SHOWN, Faults
from stream import Message


def _faults(row: dict, message: Message) -> list[str]:
    headers = dict(row["headers"] or [])
    wanted = {
        "body": (bytes(row["body"]), message.body),
        "nats_subject": (row["nats_subject"], message.subject),
        "nats_published_at": (row["nats_published_at"], message.published_ns // 1000),
        # nats-py keeps one value for a name that was sent with several.
        "headers": ({name: values[-1] for name, values in headers.items()}, message.headers),
    }
    faults = [f"{name} is {have!r}, not {want!r}" for name, (have, want) in wanted.items() if have != want]
    if not row["reason"]:
        faults.append("there is no reason")
    if row["delivery_count"] < 1:
        faults.append(f"the delivery count is {row['delivery_count']}")
    return faults


def _rows(table: pa.Table) -> list[dict]:
    # As an integer, since a datetime could not tell a microsecond from its neighbours in another zone's reading.
    at = table.column_names.index("nats_published_at")
    micros = table["nats_published_at"].cast(pa.timestamp("us")).cast(pa.int64())
    return table.set_column(at, "nats_published_at", micros).to_pylist()


def check(letters: stored.Files, poison: dict[int, Message], faults: Faults) -> dict:
    """Checks that each poison message is there, byte for byte, and nothing else; once for each reader."""
    report = {"files": len(letters.paths), "rows": 0, "duplicates": 0, "missing": len(poison)}
    if not letters.paths:
        return report
    for read in (stored.read_duckdb, stored.read_pyarrow):
        rows = _rows(read(letters))
        for row in rows:
            sequence = row[stored.SEQUENCE]
            if sequence not in poison:
                faults.add(f"dead letter: sequence {sequence} is no poison")
                continue
            for fault in _faults(row, poison[sequence]):
                faults.add(f"dead letter: sequence {sequence}: {fault}")
        stored_sequences = {row[stored.SEQUENCE] for row in rows}
        missing = [sequence for sequence in poison if sequence not in stored_sequences]
        for sequence in missing[:SHOWN]:
            faults.add(f"dead letter: sequence {sequence} is missing", 0)
        report |= {"rows": len(rows), "duplicates": len(rows) - len(stored_sequences), "missing": len(missing)}
    return report
