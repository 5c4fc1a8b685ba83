"""Compares stored rows with expected ones, column by column."""

import json
import math
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import schema
from expected import Expected
from stored import PATH, SEQUENCE

# Faults that are written out; beyond them there is the number.
SHOWN = 10


class Faults:
    """What was found wrong: all of it counted, the first few in words."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, text: str, times: int = 1) -> None:
        """Notes one fault in words, or several of a kind."""
        self.count += times
        if len(self.first) < SHOWN:
            self.first.append(text if len(text) < 400 else text[:400] + "…")


def same_json(left, right) -> bool:
    """Equality of parsed JSON that knows a boolean from a number, and takes 3 and 3.0 for the same."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_json(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same_json, left, right))
    return left == right


def expected_table(expected: dict[int, Expected]) -> pa.Table:
    """The expected rows as a table, in the order of the dictionary."""
    rows = list(expected.values())
    arrays = {}
    for name, kind, _ in schema.COLUMNS:
        if name == "payload_json":
            continue
        if name in schema.PARTITION_COLUMNS:
            values = [row.partition[name] for row in rows]
        else:
            values = [row.columns[name] for row in rows]
        arrays[name] = pa.array(values, kind)
    return pa.table(arrays)


def settle_sequences(actual: pa.Table, expected: dict[int, Expected], faults: Faults) -> tuple[pa.Table, int, int]:
    """Counts rows that are missing and rows that are there more than once; a row nobody expected is a fault.

    Returns the rows that were expected, the duplicates and the missing ones.
    """
    counts = Counter(actual[SEQUENCE].to_pylist())
    strangers = sorted(sequence for sequence in counts if sequence not in expected)
    for sequence in strangers:
        faults.add(f"sequence {sequence} is stored and was never expected as an event")
    missing = sum(1 for sequence in expected if sequence not in counts)
    for sequence in [sequence for sequence in expected if sequence not in counts][:SHOWN]:
        faults.add(f"sequence {sequence} is missing", 0)
    duplicates = sum(count - 1 for sequence, count in counts.items() if sequence in expected)
    if strangers:
        actual = actual.filter(pc.invert(pc.is_in(actual[SEQUENCE], pa.array(strangers, pa.int64()))))
    return actual, duplicates, missing


def _unequal(actual, wanted):
    """True where two columns differ; null equals null alone."""
    equal = pc.fill_null(pc.equal(actual, wanted), False)
    both_null = pc.and_(pc.is_null(actual), pc.is_null(wanted))
    return pc.invert(pc.or_(equal, both_null))


def _note_column(actual: pa.Table, name: str, have, want, faults: Faults) -> None:
    differs = _unequal(have, want)
    found = pc.sum(differs).as_py() or 0
    if found:
        at = pc.index(differs, True).as_py()
        faults.add(
            f"sequence {actual[SEQUENCE][at]}: {name} is {have[at].as_py()!r}, not {want[at].as_py()!r}"
            f" ({found} rows differ in {name})",
            found,
        )


def compare_rows(actual: pa.Table, expected: dict[int, Expected], table: pa.Table, root: Path, faults: Faults) -> None:
    """Compares every column of every stored row, its payload and its path."""
    positions = {sequence: position for position, sequence in enumerate(expected)}
    sequences = actual[SEQUENCE].to_pylist()
    wanted = table.take(pa.array([positions[sequence] for sequence in sequences], pa.int64()))
    for name in wanted.column_names:
        if name in actual.column_names:
            have = actual[name].cast(wanted[name].type)
            _note_column(actual, name, have, wanted[name], faults)
        elif name not in schema.PARTITION_COLUMNS:
            faults.add(f"column {name} is missing", max(len(actual), 1))
    _compare_payloads(actual, expected, sequences, faults)
    _compare_paths(actual, expected, sequences, root, faults)


def _compare_payloads(actual: pa.Table, expected: dict[int, Expected], sequences: list, faults: Faults) -> None:
    for sequence, text in zip(sequences, actual["payload_json"].to_pylist(), strict=True):
        try:
            stored = json.loads(text)
        except (TypeError, ValueError) as error:
            faults.add(f"sequence {sequence}: payload_json is no JSON: {error}: {text!r}")
            continue
        if not same_json(stored, expected[sequence].payload):
            faults.add(f"sequence {sequence}: payload_json is {text}, not {json.dumps(expected[sequence].payload)}")


def _compare_paths(
    actual: pa.Table, expected: dict[int, Expected], sequences: list, root: Path, faults: Faults
) -> None:
    folders = {path: Path(path).parent.relative_to(root).as_posix() for path in actual[PATH].unique().to_pylist()}
    for sequence, path in zip(sequences, actual[PATH].to_pylist(), strict=True):
        if folders[path] != expected[sequence].path:
            faults.add(f"sequence {sequence} is in {folders[path]}, not in {expected[sequence].path}")


def compare_hive(hive: pa.Table, expected: dict[int, Expected], reader: str, faults: Faults) -> None:
    """Compares the partition values that a reader finds in the paths with those of the events."""
    for row in hive.to_pylist():
        wanted = expected.get(row.pop(SEQUENCE))
        if wanted is None:
            continue
        if _hive_values(row) != _hive_values(wanted.partition):
            faults.add(f"{reader} reads {row} from the path, not {wanted.partition}")


def _hive_values(partition: dict) -> dict:
    """Folds what a Hive path cannot tell apart: null, the empty string, and an app with the very name that stands for both."""
    app = partition["app_id"]
    return partition | {"app_id": None if app in ("", "__HIVE_DEFAULT_PARTITION__") else app}
