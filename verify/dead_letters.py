"""Counts the dead letters of a subject, or all, and their reasons, and shows the bytes of those whose envelope is no text. Prints JSON."""

import argparse
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=Path, required=True)
    parser.add_argument("--subject")
    options = parser.parse_args()
    rows = [row for file in options.files.rglob("*.parquet") for row in pq.read_table(file).to_pylist()]
    rows = [row for row in rows if options.subject in (None, row["nats_subject"])]
    reasons = Counter(row["reason"] for row in rows)
    raw = {
        row["nats_stream_sequence"]: {
            name: row[name].hex() for name in ("nats_subject_bytes", "header_bytes", "body")
        } | {"reason": row["reason"], "subject": row["nats_subject"], "headers": dict(row["headers"])}
        for row in rows
        if row["nats_subject_bytes"] is not None
    }
    print(json.dumps({"rows": reasons.total(), "reasons": reasons, "raw": raw}))


if __name__ == "__main__":
    main()
