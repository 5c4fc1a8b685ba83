"""Prints the ids of all stored events as DuckDB reads them, sorted: a JSON list."""

import json
import sys
from pathlib import Path

import duckdb


def main() -> None:
    """Reads the files below the folder."""
    paths = [str(path) for path in sorted(Path(sys.argv[1]).rglob("*.parquet"))]
    rows = duckdb.execute("SELECT id FROM read_parquet($1) ORDER BY id", [paths]).fetchall() if paths else []
    print(json.dumps([row[0] for row in rows]))


if __name__ == "__main__":
    main()
