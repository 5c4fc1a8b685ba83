"""Counts the dead letters of a subject, and their reasons. Prints JSON."""

import argparse
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--subject", required=True)
    options = parser.parse_args()
    rows = [row for file in options.files.rglob("*.parquet") for row in pq.read_table(file).to_pylist()]
    reasons = Counter(row["reason"] for row in rows if row["nats_subject"] == options.subject)
    print(json.dumps({"rows": reasons.total(), "reasons": reasons}))


if __name__ == "__main__":
    main()
