"""Shows what the sink stored: the partitions, a query, and that every published message is there.

Needs DuckDB alone. The proof is by stream sequence: the stream began empty and took N messages, so that each of 1 to N must be
in the event files or in the dead letters, exactly once. verify/exact.py compares the values too.
"""

import argparse
import sys
from pathlib import Path

import duckdb

TREE = """
SELECT app_id, count(DISTINCT (year, month, day, hour)) AS hours, count(DISTINCT filename) AS files, count(*) AS rows
FROM events GROUP BY app_id ORDER BY app_id
"""
SAMPLE = """SELECT event_category, event_type, count(*) AS events, count(DISTINCT device_id) AS devices
FROM read_parquet('{pattern}', hive_partitioning = true)
GROUP BY ALL ORDER BY events DESC, event_type LIMIT 5"""
PROOF = """
SELECT count(*), count(DISTINCT sequence), coalesce(min(sequence), 0), coalesce(max(sequence), 0)
FROM (
  SELECT nats_stream_sequence AS sequence FROM events
  UNION ALL
  SELECT nats_stream_sequence FROM letters
)
"""


def table(headers: list[str], rows: list[tuple]) -> str:
    """Aligned columns, numbers with separators and to the right."""
    cells = [headers] + [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in cells) for index in range(len(headers))]
    right = [isinstance(cell, int) for cell in rows[0]] if rows else [False] * len(headers)
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ]
        lines.append("  " + "  ".join(padded).rstrip())
    return "\n".join(lines)


def view(connection: duckdb.DuckDBPyConnection, name: str, folder: Path, columns: str) -> None:
    """A view on the files below a folder, empty when there are none: DuckDB takes a pattern without files for an error."""
    if any(folder.rglob("*.parquet")):
        source = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, filename = true)"
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {source}")
    else:
        connection.execute(f"CREATE TABLE {name} ({columns})")


def main() -> int:
    """Prints the summary; 1 when a message is missing or stored twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, required=True, help="the store's root folder")
    parser.add_argument("--prefix", default="events")
    parser.add_argument("--published", type=int, required=True, metavar="N", help="messages that the stream took")
    options = parser.parse_args()

    connection = duckdb.connect()
    folder = options.files / options.prefix
    columns = "app_id TEXT, year INT, month INT, day INT, hour INT, filename TEXT, nats_stream_sequence BIGINT"
    view(connection, "events", folder, columns)
    letters = options.files / f"{options.prefix}-dead-letter"
    view(connection, "letters", letters, "nats_stream_sequence BIGINT")

    print(f"{options.prefix}/app_id=*/year=*/month=*/day=*/hour=*/*.parquet")
    print(table(["app_id", "hours", "files", "rows"], connection.execute(TREE).fetchall()))
    print()

    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    print(SAMPLE.format(pattern=f"{shown}/**/*.parquet"))
    if any(folder.rglob("*.parquet")):
        sample = connection.execute(SAMPLE.format(pattern=f"{folder}/**/*.parquet")).fetchall()
        print(table(["event_category", "event_type", "events", "devices"], sample))
    print()

    events = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    rows, distinct, first, last = connection.execute(PROOF).fetchone()
    print(f"published {options.published:,} = {events:,} events in files + {rows - events:,} dead letters")
    good = rows == distinct == options.published and (first, last) == (1, options.published)
    if good:
        print(f"every stream sequence from 1 to {last:,} is stored exactly once")
    else:
        print(f"WRONG: {rows - distinct:,} stored twice, {options.published - distinct:,} missing")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
