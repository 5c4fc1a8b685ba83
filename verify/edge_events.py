"""Events with every payload kind and every field at its edges, made by Python's protobuf; and poison."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.descriptor import FieldDescriptor as Field

from expected import CATEGORY_OF, TYPE_OF
from wire import PAYLOADS, EventEnvelope

HOUR_MS = 3_600_000
START_MS = 1_772_323_200_000  # 2026-03-01T00:00:00Z
LAST_MILLISECOND = 253_402_300_799_999

STRINGS = ["", "plain", "ünïcödé 漢字 🦀 e\u0301", 'quote " back \\ slash / <tag> & \u2028', "line\nbreak\ttab\x00nul", "x" * 5_000]
FLOATS = [0.0, -0.0, 1.5, -0.1, math.nan, math.inf, -math.inf, 3.4028234663852886e38, 1e-45, 16777216.0]
DOUBLES = [0.0, -0.0, 0.1, -2.5e-300, math.nan, math.inf, -math.inf, 1.7976931348623157e308, 5e-324, 9007199254740993.0]
INT32 = [0, 1, -1, 2**31 - 1, -(2**31)]
INT64 = [0, 1, -1, 2**63 - 1, -(2**63), 2**53 + 1]
UNKNOWN_ENUM = 4_242

# As many variants as the longest list of edges.
VARIANTS = 10

VALUES = {
    Field.TYPE_STRING: STRINGS,
    Field.TYPE_FLOAT: FLOATS,
    Field.TYPE_DOUBLE: DOUBLES,
    Field.TYPE_INT32: INT32,
    Field.TYPE_INT64: INT64,
    Field.TYPE_BOOL: [False, True],
}

# Fields that no schema knows: a number beyond all others as varint, fixed64, string and fixed32.
UNKNOWN_FIELDS = (
    b"\xf8\x7f\x96\x01" + b"\xf9\x7f12345678" + b"\xfa\x7f\x05later" + b"\xfd\x7f1234"
)

APPS = [
    "com.example.shop", "plain", "", "a/b", "..", ".", "a=b", "100%", "sp ace", "ümläut", "q'uo\"te", "star*?[x]^{y}",
    "back\\slash", "col:on#hash", "tab\tnewline\n", " before", "behind ", " ", "\u3000wide\u00a0", "__HIVE_DEFAULT_PARTITION__", "x" * 240,
]  # fmt: skip
TIMES = [1, HOUR_MS - 1, HOUR_MS, START_MS, START_MS + HOUR_MS - 1, 1_709_164_800_000, LAST_MILLISECOND]


@dataclass(frozen=True)
class Outgoing:
    """A message to publish."""

    subject: str
    body: bytes
    headers: dict = field(default_factory=dict)


def _edge(descriptor: Field, variant: int):
    if descriptor.type == Field.TYPE_ENUM:
        numbers = [value.number for value in descriptor.enum_type.values] + [UNKNOWN_ENUM, -1]
        return numbers[variant % len(numbers)]
    values = VALUES[descriptor.type]
    return values[variant % len(values)]


def _is_map(descriptor: Field) -> bool:
    return descriptor.type == Field.TYPE_MESSAGE and descriptor.message_type.GetOptions().map_entry


def fill(message, variant: int) -> None:
    """Gives every field of a message the edge value of this variant, nested messages, lists and maps too."""
    for descriptor in message.DESCRIPTOR.fields:
        target = getattr(message, descriptor.name)
        if _is_map(descriptor):
            value = descriptor.message_type.fields_by_name["value"]
            for index in range(variant):
                target[_edge(descriptor.message_type.fields_by_name["key"], index)] = _edge(value, variant + index)
        elif descriptor.is_repeated:
            for index in range(variant):
                if descriptor.type == Field.TYPE_MESSAGE:
                    fill(target.add(), variant + index)
                else:
                    target.append(_edge(descriptor, variant + index))
        elif descriptor.type == Field.TYPE_MESSAGE:
            # Every other variant leaves nested messages out: absent is not the same as empty.
            if variant % 2 == 1:
                target.SetInParent()
                fill(target, variant)
        else:
            setattr(message, descriptor.name, _edge(descriptor, variant))


def subject(event) -> str:
    """The subject by the contract, with what NATS does not take replaced."""
    kind = event.WhichOneof("payload")
    category = CATEGORY_OF[kind] if kind else "unknown"
    event_type = TYPE_OF.get(kind, kind) if kind else "unknown"
    app = "".join(letter if letter.isalnum() else "_" for letter in event.app_id)[:50]
    return f"events.{app or '_'}.{category}.{event_type}"


def _envelope(number: int) -> EventEnvelope:
    event = EventEnvelope(
        id=f"edge-{number:06}", app_id="com.example.shop", device_id="", timestamp_ms=START_MS + number
    )
    return event


def _with_payloads() -> Iterator[EventEnvelope]:
    """Every payload kind in every variant, and the device context in as many."""
    number = 0
    for name in PAYLOADS:
        for variant in range(VARIANTS):
            event = _envelope(number)
            event.device_id = STRINGS[variant % len(STRINGS)]
            event.correlation_id = STRINGS[(variant + 1) % len(STRINGS)]
            event.idempotency_key = STRINGS[(variant + 2) % len(STRINGS)]
            if variant != 1:
                event.device_context.SetInParent()
                fill(event.device_context, number % 30)
            payload = getattr(event, name)
            payload.SetInParent()
            fill(payload, variant)
            number += 1
            yield event


def _placed() -> Iterator[EventEnvelope]:
    """No payload: hostile app ids, and times at the borders."""
    for index, app in enumerate(APPS):
        for step, time in enumerate(TIMES):
            event = _envelope(900_000 + index * 100 + step)
            event.app_id = app
            event.timestamp_ms = time
            yield event


def good() -> Iterator[Outgoing]:
    """Every message that must become a row."""
    for event in [*_with_payloads(), *_placed()]:
        yield Outgoing(subject(event), event.SerializeToString())
    for number, name in enumerate(PAYLOADS):
        event = _envelope(910_000 + number)
        payload = getattr(event, name)
        payload.ParseFromString(UNKNOWN_FIELDS)
        event.device_context.ParseFromString(UNKNOWN_FIELDS)
        yield Outgoing(subject(event), event.SerializeToString() + UNKNOWN_FIELDS, {"Trace": "a b", "Empty": ""})
    # A payload that only a later schema knows is an event without a known payload.
    event = _envelope(920_000)
    yield Outgoing(subject(event), event.SerializeToString() + b"\xca\x7d\x02\x08\x01")


def poison() -> Iterator[Outgoing]:
    """Messages that must go to the dead letter."""
    whole = _envelope(0)
    whole.screen_view.screen_name = "home"
    bytes_ = whole.SerializeToString()
    bodies = {
        "empty": b"",
        "truncated": bytes_[:-1],
        "no-protobuf": b"\xff\xff\xff\xff\xff not protobuf at all",
        "not-utf8": bytes_ + b"\x0a\x02\xff\xfe",
        "group-end": b"\x0c" + bytes_,
        "field-zero": b"\x00\x01" + bytes_,
    }
    for time in (0, -1, -(2**63), LAST_MILLISECOND + 1, 2**63 - 1):
        event = _envelope(0)
        event.timestamp_ms = time
        bodies[f"time-{time}"] = event.SerializeToString()
    for name, app in {"long": "x" * 241, "long-escaped": "/" * 81, "huge": "a/" * 5_000}.items():
        event = _envelope(0)
        event.app_id = app
        bodies[f"app-{name}"] = event.SerializeToString()
    for name, body in bodies.items():
        yield Outgoing(f"events.poison.{name}", body, {"Kind": name, "Source": "edge events"})
        yield Outgoing(f"events.poison.{name}", body)


def large_poison(count: int, size: int) -> Iterator[Outgoing]:
    """Messages of this many bytes that must go to the dead letter, and that no compression makes smaller."""
    for seed in range(count):
        yield Outgoing("events.poison.large", b"\xff" * 11 + random.Random(seed).randbytes(size - 11))
