"""Counts what is stored, and finds gaps and duplicates by stream sequence, with DuckDB alone.

What `warehouse-sink inspect` says must agree with it. Prints JSON.
"""

import argparse
import json
import tempfile
from pathlib import Path

import duckdb

import remote

ROWS = """
CREATE TABLE rows AS
SELECT nats_stream_sequence AS sequence, nats_published_at AS published_at, filename
FROM read_parquet($1, hive_partitioning = false, filename = true, union_by_name = true)
"""
HOLES = """
SELECT sequence + 1, next - 1 FROM (
  SELECT sequence, lead(sequence) OVER (ORDER BY sequence) AS next FROM (SELECT DISTINCT sequence FROM rows)
) WHERE next > sequence + 1 ORDER BY ALL
"""
TWICE = """
SELECT sequence FROM rows GROUP BY sequence, published_at HAVING count(*) > 1 ORDER BY ALL
"""
FILES = """
SELECT filename, count(*), min(sequence), max(sequence) FROM rows GROUP BY filename ORDER BY filename
"""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", required=True, help="folder of the event files; with --s3-endpoint, their prefix")
    parser.add_argument("--dead-letter", required=True, help="folder, or prefix, of the dead letters")
    parser.add_argument("--only", help="count this file alone")
    for name in ("endpoint", "bucket", "access-key", "secret-key"):
        parser.add_argument(f"--s3-{name}")
    return parser.parse_args()


def runs(sequences: list[int]) -> list[list[int]]:
    """Sorted numbers as pairs of a first and a last."""
    found: list[list[int]] = []
    for sequence in sequences:
        if found and found[-1][1] + 1 == sequence:
            found[-1][1] = sequence
        else:
            found.append([sequence, sequence])
    return found


def audit(files: list[Path], letters: list[Path]) -> dict:
    """The counts of these files."""
    connection = duckdb.connect()
    paths = [str(path) for path in files + letters]
    if not paths:
        return {"files": 0, "dead_letter_files": 0, "rows": 0, "dead_letters": 0}
    connection.execute(ROWS, [paths])
    counts = {Path(name): (rows, first, last) for name, rows, first, last in connection.execute(FILES).fetchall()}
    sequences = [row[0] for row in connection.execute("SELECT sequence FROM rows ORDER BY ALL").fetchall()]
    twice = [row[0] for row in connection.execute(TWICE).fetchall()]
    return {
        "files": len(files),
        "dead_letter_files": len(letters),
        "rows": sum(counts[path][0] for path in files),
        "bytes": sum(path.stat().st_size for path in files),
        "dead_letters": sum(counts[path][0] for path in letters),
        "first_sequence": sequences[0],
        "last_sequence": sequences[-1],
        "holes": [list(row) for row in connection.execute(HOLES).fetchall()],
        "duplicate_sequences": runs(twice),
        "duplicate_rows": len(sequences)
        - connection.execute("SELECT count(*) FROM (SELECT DISTINCT sequence, published_at FROM rows)").fetchone()[0],
        "runs": runs(sorted(set(sequences))),
        "by_file": {path.name: list(counts[path]) for path in files + letters},
    }


def main() -> None:
    """Prints the counts."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        root = Path.cwd()
        if options.s3_endpoint:
            root = Path(scratch)
            address = options.s3_endpoint.removeprefix("http://")
            server = remote.open_s3(address, options.s3_access_key, options.s3_secret_key)
            remote.download(server, options.s3_bucket, root)
        if options.only:
            report = audit([root / options.only], [])
        else:
            folders = (root / options.files, root / options.dead_letter)
            report = audit(*(sorted(folder.rglob("*.parquet")) for folder in folders))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
