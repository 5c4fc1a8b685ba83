"""Asks DuckDB whether the files' bloom filters for a text column know what is in it, and what isn't.

Prints a JSON summary; exits with 1 where a filter denies a value that is there, or says yes to nearly everything.
"""

import argparse
import json
import sys
from pathlib import Path

import duckdb

PRESENT = 50  # values of each file that are looked for
ABSENT = 50  # values that no file has
WRONG_AT_MOST = 0.1  # of the absent values; the filters are made for 0.01


def excluded(path: Path, column: str, value: str) -> bool:
    """Whether the filters of the file's row groups all say that the value isn't there."""
    groups = duckdb.execute("SELECT * FROM parquet_bloom_probe(?, ?, ?)", [str(path), column, value])
    names = [description[0] for description in groups.description]
    rows = groups.fetchall()
    return all(dict(zip(names, row, strict=True))["bloom_filter_excludes"] for row in rows)


def main() -> int:
    """Looks at every file below a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--column", default="id")
    options = parser.parse_args()
    report = {"files": 0, "present": 0, "denied": 0, "absent": 0, "excluded": 0}
    for path in sorted(options.files.rglob("*.parquet")):
        query = f"SELECT DISTINCT {options.column} FROM read_parquet(?) LIMIT {PRESENT}"  # noqa: S608, the test's own name
        present = [value for (value,) in duckdb.execute(query, [str(path)]).fetchall()]
        report["files"] += 1
        report["present"] += len(present)
        report["denied"] += sum(excluded(path, options.column, value) for value in present)
        report["absent"] += ABSENT
        report["excluded"] += sum(excluded(path, options.column, f"absent-{number}") for number in range(ABSENT))
    wrong = report["absent"] - report["excluded"]
    report["ok"] = report["present"] > 0 and report["denied"] == 0 and wrong <= report["absent"] * WRONG_AT_MOST
    print(json.dumps(report, indent=1))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
