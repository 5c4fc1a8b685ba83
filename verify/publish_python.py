"""Publishes the edge events of edge_events.py, several times over when asked, and prints how many."""

import argparse
import asyncio
import json

from nats.js.api import StorageType, StreamConfig

import edge_events
import stream


async def publish(options: argparse.Namespace) -> dict:
    """Publishes every message and waits for the server's confirmation of each."""
    client = await stream.connect(options.url)
    try:
        manager = client.jetstream()
        if options.create_stream:
            config = StreamConfig(name=options.stream, subjects=["events.>"], storage=StorageType.FILE)
            await manager.add_stream(config)
        good = list(edge_events.good()) * options.repeat
        poison = list(edge_events.poison()) * options.repeat
        if options.large_poison:
            good, poison = [], list(edge_events.large_poison(options.large_poison, options.size))
        for message in mixed(good, poison):
            await manager.publish(
                message.subject, message.body, stream=options.stream, headers=message.headers or None
            )
        return {"events": len(good), "poison": len(poison)}
    finally:
        await client.close()


def mixed(good: list, poison: list) -> list:
    """The poison spread evenly among the good messages."""
    step = max(1, len(good) // (len(poison) + 1))
    result, waiting = [], list(poison)
    for index, message in enumerate(good):
        if index % step == 0 and waiting:
            result.append(waiting.pop(0))
        result.append(message)
    return result + waiting


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--stream", default="CAUSALITY_EVENTS")
    parser.add_argument("--create-stream", action="store_true")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="publish everything N times")
    parser.add_argument("--large-poison", type=int, metavar="N", help="publish N large poison messages and nothing else")
    parser.add_argument("--size", type=int, default=900_000, metavar="BYTES", help="the size of each of these")
    print(json.dumps(asyncio.run(publish(parser.parse_args()))))


if __name__ == "__main__":
    main()
