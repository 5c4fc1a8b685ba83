"""The events' protobuf classes, made by Python's own protobuf from the project's .proto file.

Nothing here shares code with the Rust decoder: that is what makes a comparison worth something.
"""

import hashlib
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO_ROOT = ROOT / "proto" / "proto"
PROTO_FILE = PROTO_ROOT / "causality" / "v1" / "events.proto"
GENERATED = ROOT / ".tools" / "gen"


def _generate(target: Path) -> None:
    """Compiles the .proto file into `target`, which appears whole or not at all."""
    from grpc_tools import protoc

    GENERATED.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.mkdtemp(dir=GENERATED)
    try:
        result = protoc.main(["protoc", f"-I{PROTO_ROOT}", f"--python_out={scratch}", str(PROTO_FILE)])
        if result != 0:
            raise SystemExit(f"protoc failed on {PROTO_FILE}")
        os.rename(scratch, target)
    except OSError:
        # Another process may have been quicker; what it made is the same.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load():
    """The module with EventEnvelope and the payload messages."""
    digest = hashlib.sha256(PROTO_FILE.read_bytes()).hexdigest()[:16]
    target = GENERATED / digest
    if not target.is_dir():
        _generate(target)
    sys.path.insert(0, str(target))
    return importlib.import_module("causality.v1.events_pb2")


events = load()
EventEnvelope = events.EventEnvelope

PAYLOADS = [field.name for field in EventEnvelope.DESCRIPTOR.oneofs_by_name["payload"].fields]
