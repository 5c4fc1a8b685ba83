"""The servers that the sink is measured with, on free loopback ports and in a temporary folder."""

import contextlib
import json
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BIN = Path(__file__).resolve().parent.parent / ".tools" / "venv" / "bin"
START = 60.0  # seconds
STOP = 30.0


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, below those that the system gives to outgoing connections."""
    held: list[socket.socket] = []
    while len(held) < count:
        candidate = socket.socket()
        try:
            candidate.bind(("127.0.0.1", random.randrange(10_000, 30_000)))
        except OSError:
            candidate.close()
            continue
        held.append(candidate)
    ports = [candidate.getsockname()[1] for candidate in held]
    for candidate in held:
        candidate.close()
    return ports


@contextlib.contextmanager
def running(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """A server, from when it is ready on."""
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent) as process:
        try:
            deadline = time.monotonic() + START
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"bench: {Path(command[0]).name} did not come up:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def nats(folder: Path) -> Iterator[str]:
    """A NATS server with JetStream on disk. Its URL."""
    [port] = free_ports(1)
    config, log = folder / "nats.conf", folder / "nats.log"
    config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}/jetstream" }}\n')
    with running([str(BIN / "nats-server"), "-c", str(config)], log, lambda: "Server is ready" in log.read_text()):
        yield f"nats://127.0.0.1:{port}"


@dataclass(frozen=True)
class Bucket:
    """A bucket on a server that speaks S3."""

    endpoint: str
    name: str = "causality-events"
    key: str = "bench-key"
    secret: str = "bench-secret"


# One identity for the sink, whose signatures are checked, and one without a name that makes the bucket.
IDENTITIES = {
    "identities": [
        {
            "name": "sink",
            "credentials": [{"accessKey": Bucket.key, "secretKey": Bucket.secret}],
            "actions": ["Read", "Write", "List", "Tagging"],
        },
        {"name": "anonymous", "actions": ["Admin", "Read", "Write", "List"]},
    ]
}
# The parts of SeaweedFS, each with a port for HTTP and one for gRPC; as in testkit/src/s3.rs.
PARTS = ("s3", "master", "volume", "filer", "admin")


def put(url: str) -> bool:
    """Whether the server took it."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=b"", method="PUT"), timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code == 409  # it is there already
    except OSError:
        return False


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[Bucket]:
    """SeaweedFS, all its parts in one process."""
    ports = free_ports(2 * len(PARTS))
    (folder / "weed").mkdir()
    (folder / "s3.json").write_text(json.dumps(IDENTITIES))
    names = [f"{part}.port{kind}" for part in PARTS for kind in ("", ".grpc")]
    command = [
        str(BIN / "weed"), "mini", f"-dir={folder}/weed", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
        "-webdav=false", "-admin.ui=false", "-s3.iam=false", "-volume.preStopSeconds=0", "-s3.port.iceberg=0", "-s3.port.lance=0",
        f"-s3.config={folder}/s3.json", f"-filer.localSocket={folder}/filer.sock", f"-s3.localSocket={folder}/s3.sock",
        *(f"-{name}={port}" for name, port in zip(names, ports, strict=True)),
    ]  # fmt: skip
    bucket = Bucket(f"http://127.0.0.1:{ports[0]}")
    url = f"{bucket.endpoint}/{bucket.name}"
    try:
        with running(command, folder / "weed.log", lambda: put(url) and put(f"{url}/probe")):
            yield bucket
    finally:
        # It puts sockets there, whatever it is told, and leaves them behind.
        for part, port in ((part, port) for index, part in enumerate(PARTS) for port in ports[2 * index : 2 * index + 2]):
            Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)
