"""Asks pyarrow and DuckDB whether each file is sorted by some columns, says so, and lets readers skip row groups.

Prints a JSON summary; exits with 1 where a row stands before a lesser one, a row group does not name the columns, or a reader that looks for one
value of the first column is sent to more row groups than need be.
"""

import argparse
import json
import sys
from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

LOOKUPS = 20  # values of each file that are looked for


def in_order(path: Path, columns: list[str]) -> bool:
    """Whether no row is less than the one before it, nulls last and ties by the stream's order, by DuckDB."""
    by = ", ".join(f'"{column}" ASC NULLS LAST' for column in [*columns, "nats_stream_sequence"])
    # The file's own numbers of rows say how it is stored, whatever order the engine reads it in.
    query = f"""
        SELECT count(*) FROM (
            SELECT file_row_number AS stored, row_number() OVER (ORDER BY {by}) - 1 AS wanted
            FROM read_parquet(?, file_row_number = true, hive_partitioning = false)
        ) WHERE stored <> wanted"""  # noqa: S608, the test's own names
    return duckdb.execute(query, [str(path)]).fetchone() == (0,)


def names_order(metadata: pq.FileMetaData, columns: list[str]) -> bool:
    """Whether each row group's metadata names the columns, ascending and nulls last."""
    leaves = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    expected = [(leaves.index(column), False, False) for column in columns]
    groups = [metadata.row_group(number).sorting_columns for number in range(metadata.num_row_groups)]
    return all([(one.column_index, one.descending, one.nulls_first) for one in group] == expected for group in groups)


def lookups(path: Path, column: str) -> tuple[int, int]:
    """How many row groups pyarrow reads to find some values, and in how many they are."""
    values = pq.read_table(path, columns=[column], partitioning=None).column(column)
    (fragment,) = ds.dataset(path, format="parquet").get_fragments()
    groups = [set(fragment.subset(row_group_ids=[n]).to_table(columns=[column])[column].to_pylist()) for n in range(fragment.num_row_groups)]
    read = needed = 0
    for value in pc.unique(values).to_pylist()[:: max(1, len(values) // LOOKUPS)]:
        read += fragment.subset(pc.field(column) == value).num_row_groups
        needed += sum(value in group for group in groups)
    return read, needed


def main() -> int:
    """Looks at every file below a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--columns", required=True, help="with commas between them")
    options = parser.parse_args()
    columns = options.columns.split(",")
    report = {"files": 0, "row_groups": 0, "rows": 0, "unsorted": [], "silent": [], "read": 0, "needed": 0}
    for path in sorted(options.files.rglob("*.parquet")):
        metadata = pq.read_metadata(path)
        report["files"] += 1
        report["row_groups"] += metadata.num_row_groups
        report["rows"] += metadata.num_rows
        if not in_order(path, columns):
            report["unsorted"].append(str(path))
        if not names_order(metadata, columns):
            report["silent"].append(str(path))
        read, needed = lookups(path, columns[0])
        report["read"] += read
        report["needed"] += needed
    report["ok"] = report["files"] > 0 and not report["unsorted"] and not report["silent"] and report["read"] == report["needed"]
    print(json.dumps(report, indent=1))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
