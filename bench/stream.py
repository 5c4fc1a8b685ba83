"""The stream of a measurement: removes it or its consumers, publishes events of one size, says what it holds. Prints JSON.

A program of its own, so that the size of its libraries is not in the memory of what is measured.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.js.errors import NotFoundError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "verify"))
from wire import EventEnvelope  # noqa: E402, the path has to be known first

from measure import STREAM  # noqa: E402

START_MS = 1_735_689_600_000
MS_PER_HOUR = 3_600_000
APPS, HOURS = 4, 3
CONFIRM_EVERY = 1_000
# Made-up words: text that compresses as text does.
WORDS = [bytes(random.Random(seed).choices(b"etaoinshrdlucmfwyp", k=3 + seed % 8)) + b" " for seed in range(256)]


def event(rng: random.Random, size: int) -> tuple[str, bytes]:
    """The subject and the body of a custom event of so many bytes, give or take three."""
    app = f"app-{rng.randrange(APPS)}"
    made = EventEnvelope(
        id=f"{rng.getrandbits(96):024x}", app_id=app, device_id=f"{rng.getrandbits(32):08x}",
        timestamp_ms=START_MS + rng.randrange(HOURS * MS_PER_HOUR),
    )  # fmt: skip
    made.custom_event.event_name = "note"
    made.custom_event.string_params["text"] = ""
    missing = max(0, size - made.ByteSize() - 1)
    text = b"".join(WORDS[byte] for byte in rng.randbytes(missing // 4 + 1))
    made.custom_event.string_params["text"] = text[:missing].decode()
    return f"events.{app}.custom.note", made.SerializeToString()


def events(count: int, size: int) -> Iterator[tuple[str, bytes]]:
    """The same ones every time."""
    rng = random.Random(0)
    for _ in range(count):
        yield event(rng, size)


async def publish(client: Client, options: argparse.Namespace) -> dict:
    """Publishes events; of one connection the server stores them in their order, so one confirmation counts for all before it."""
    context = client.jetstream()
    for index, (subject, body) in enumerate(events(options.count, options.bytes), 1):
        if index % CONFIRM_EVERY == 0 or index == options.count:
            await context.publish(subject, body)
        else:
            await client.publish(subject, body)
    return await state(client, options)


async def state(client: Client, _options: argparse.Namespace) -> dict:
    """What the stream holds; its bytes are bodies, subjects and the server's few for each message."""
    found = (await client.jetstream().stream_info(STREAM)).state
    return {"messages": found.messages, "bytes": found.bytes}


async def forget(client: Client, _options: argparse.Namespace) -> dict:
    """Removes the consumers, so that the next run starts at the first message."""
    for consumer in ("warehouse-sink", "fetch-and-ack"):
        with contextlib.suppress(NotFoundError):
            await client.jetstream().delete_consumer(STREAM, consumer)
    return {}


async def drop(client: Client, _options: argparse.Namespace) -> dict:
    """Removes the stream."""
    with contextlib.suppress(NotFoundError):
        await client.jetstream().delete_stream(STREAM)
    return {}


async def main() -> None:
    """The command line."""
    tasks = {task.__name__: task for task in (publish, state, forget, drop)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=tasks)
    parser.add_argument("--url", required=True)
    for name in ("count", "bytes"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    client = await nats.connect(options.url)
    print(json.dumps(await tasks[options.task](client, options)))
    await client.close()


if __name__ == "__main__":
    asyncio.run(main())
