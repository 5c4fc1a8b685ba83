"""How many rows, files and bytes are stored, read by pyarrow: from a folder, or from a bucket, which is emptied then. Prints JSON.

    stored.py FOLDER
    stored.py ENDPOINT BUCKET KEY SECRET

A program of its own, so that the size of its libraries is not in the memory of what is measured.
"""

import json
import sys
from pathlib import Path

import pyarrow.fs
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "verify"))
from remote import open_s3  # noqa: E402, the path has to be known first


def stored(system: pyarrow.fs.FileSystem, root: str) -> dict:
    """What lies below the root."""
    found = system.get_file_info(pyarrow.fs.FileSelector(root, recursive=True, allow_not_found=True))
    files = [info for info in found if info.path.endswith(".parquet")]
    rows = sum(pyarrow.parquet.read_metadata(info.path, filesystem=system).num_rows for info in files)
    return {"rows": rows, "files": len(files), "bytes": sum(info.size for info in files)}


def main() -> None:
    """The command line."""
    if len(sys.argv) == 2:
        print(json.dumps(stored(pyarrow.fs.LocalFileSystem(), f"{sys.argv[1]}/events")))
        return
    endpoint, bucket, key, secret = sys.argv[1:]
    system = open_s3(endpoint.removeprefix("http://"), key, secret)
    print(json.dumps(stored(system, f"{bucket}/events")))
    system.delete_dir_contents(bucket, missing_dir_ok=True)


if __name__ == "__main__":
    main()
