"""Reads a stream, and the state of its consumer, through nats-py."""

import asyncio
from dataclasses import dataclass

import nats
import nats.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

FETCH = 2_000  # messages a request
QUIET = 10.0  # seconds without a message before the reader gives up


@dataclass(frozen=True)
class Message:
    """A message as it is stored in the stream."""

    sequence: int
    published_ns: int
    subject: str
    headers: dict
    body: bytes


def _message(message) -> Message:
    # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<ns>.<pending>; from the end,
    # because newer servers put a domain and an account hash before the stream.
    fields = message.reply.split(".")
    tail = fields[4:9] if len(fields) == 9 else fields[6:11]
    return Message(
        sequence=int(tail[1]),
        published_ns=int(tail[3]),
        subject=message.subject,
        headers=dict(message.headers or {}),
        body=message.data,
    )


async def connect(url: str):
    """A connection that fails at once and in one line when there is no server."""

    async def quiet(_error: Exception) -> None:
        pass

    try:
        return await nats.connect(
            url, allow_reconnect=False, max_reconnect_attempts=1, connect_timeout=5, error_cb=quiet,
            pending_size=64 << 20,
        )  # fmt: skip
    except (OSError, nats.errors.Error) as error:
        raise SystemExit(f"no NATS server at {url}: {error}") from error


async def _read(url: str, stream: str, subject: str) -> list[Message]:
    client = await connect(url)
    try:
        manager = client.jetstream()
        config = ConsumerConfig(
            ack_policy=AckPolicy.NONE,
            deliver_policy=DeliverPolicy.ALL,
            filter_subject=subject,
            inactive_threshold=60.0,
            mem_storage=True,
        )
        created = await manager.add_consumer(stream, config)
        consumer = await manager.pull_subscribe_bind(consumer=created.name, stream=stream)
        messages: list[Message] = []
        while len(messages) < created.num_pending:
            wanted = min(FETCH, created.num_pending - len(messages))
            messages += [_message(message) for message in await consumer.fetch(wanted, timeout=QUIET)]
        await manager.delete_consumer(stream, created.name)
        return messages
    finally:
        await client.close()


async def _consumer(url: str, stream: str, name: str) -> dict | None:
    client = await connect(url)
    try:
        info = await client.jetstream().consumer_info(stream, name)
    except NotFoundError:
        return None
    finally:
        await client.close()
    return {
        "num_pending": info.num_pending,
        "num_ack_pending": info.num_ack_pending,
        "num_redelivered": info.num_redelivered,
        "ack_floor": info.ack_floor.stream_seq if info.ack_floor else 0,
        "delivered": info.delivered.stream_seq if info.delivered else 0,
    }


def read(url: str, stream: str, subject: str = "events.>") -> list[Message]:
    """Every message of the stream under the subject, in order."""
    return asyncio.run(_read(url, stream, subject))


def consumer(url: str, stream: str, name: str) -> dict | None:
    """What the server says of a consumer; `None` when there is none."""
    return asyncio.run(_consumer(url, stream, name))
