"""What a message must become: its row and its path, worked out anew from the contract."""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from wire import EventEnvelope, events

CATEGORIES = {
    "user": ["user_login", "user_logout", "user_signup", "user_profile_update"],
    "screen": ["screen_view", "screen_exit"],
    "interaction": ["button_tap", "swipe_gesture", "scroll_event", "text_input", "long_press", "double_tap"],
    "commerce": [
        "product_view", "add_to_cart", "remove_from_cart", "checkout_start", "checkout_step",
        "purchase_complete", "purchase_failed",
    ],
    "system": [
        "app_start", "app_background", "app_foreground", "app_crash", "network_change", "permission_request",
        "permission_result", "memory_warning", "battery_change",
    ],
    "custom": ["custom_event"],
}  # fmt: skip
CATEGORY_OF = {field: category for category, fields in CATEGORIES.items() for field in fields}
TYPE_OF = {
    "user_login": "login",
    "user_logout": "logout",
    "user_signup": "signup",
    "user_profile_update": "profile_update",
    "screen_view": "view",
    "screen_exit": "exit",
    "swipe_gesture": "swipe",
    "scroll_event": "scroll",
}

DEVICE_STRINGS = [
    "os_version", "app_version", "build_number", "device_model", "manufacturer", "locale", "timezone", "carrier",
    "sdk_version",
]  # fmt: skip
DEVICE_VALUES = ["screen_width", "screen_height", "is_jailbroken", "is_emulator"]

LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999
MAX_ESCAPED_APP_ID = 240  # bytes
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# Hive's FileUtils.escapePathName, and NUL, which no file system takes.
ESCAPED = {chr(code) for code in range(0x20)} | set("\"#%'*/:=?\\\x7f{[]^")


class Poison(Exception):
    """A message that must not become a row."""


@dataclass(frozen=True)
class Expected:
    """One row by its column names, without the partition columns, and where it belongs."""

    columns: dict
    partition: dict
    path: str
    payload: dict


def escape(value: str) -> str:
    """A partition value as Hive writes it into a path."""
    if value == "":
        return "__HIVE_DEFAULT_PARTITION__"
    return "".join(f"%{ord(letter):02X}" if letter in ESCAPED else letter for letter in value)


def _enum_name(enum: str, number: int) -> str:
    known = events.DESCRIPTOR.enum_types_by_name[enum].values_by_number.get(number)
    return known.name if known else str(number)


def _device_columns(event) -> dict:
    names = [*DEVICE_STRINGS, *DEVICE_VALUES, "platform", "network_type"]
    if not event.HasField("device_context"):
        return dict.fromkeys(names)
    device = event.device_context
    columns = {name: getattr(device, name) or None for name in DEVICE_STRINGS}
    columns |= {name: getattr(device, name) for name in DEVICE_VALUES}
    columns["platform"] = _enum_name("Platform", device.platform)
    columns["network_type"] = _enum_name("NetworkType", device.network_type)
    return columns


def _partition(event, by_app: bool) -> tuple[dict, str]:
    if not 0 < event.timestamp_ms <= LAST_MILLISECOND:
        raise Poison(f"timestamp_ms is {event.timestamp_ms}")
    escaped = escape(event.app_id)
    if by_app and len(escaped.encode()) > MAX_ESCAPED_APP_ID:
        raise Poison("app_id is too long for a path")
    hour = EPOCH + timedelta(milliseconds=event.timestamp_ms)
    values = {"app_id": event.app_id, "year": hour.year, "month": hour.month, "day": hour.day, "hour": hour.hour}
    path = f"app_id={escaped}/year={hour.year:04}/month={hour.month:02}/day={hour.day:02}/hour={hour.hour:02}"
    return values, path


def expect(body: bytes, sequence: int, published_ns: int, by_app: bool = True) -> Expected:
    """The row of one message; `Poison` when it must go to the dead letter. `by_app` is whether the app makes a folder."""
    event = EventEnvelope()
    try:
        event.ParseFromString(body)
    except DecodeError as error:
        raise Poison(str(error)) from error
    partition, path = _partition(event, by_app)

    kind = event.WhichOneof("payload")
    payload = {}
    category, event_type = "unknown", "unknown"
    if kind is not None:
        message = getattr(event, kind)
        payload = json_format.MessageToDict(message, preserving_proto_field_name=True)
        category = CATEGORY_OF[kind]
        event_type = message.event_name if kind == "custom_event" else TYPE_OF.get(kind, kind)

    columns = {
        "id": event.id,
        "device_id": event.device_id,
        "timestamp_ms": event.timestamp_ms,
        "correlation_id": event.correlation_id or None,
        "event_category": category,
        "event_type": event_type,
        "idempotency_key": event.idempotency_key or None,
        "nats_stream_sequence": sequence,
        "nats_published_at": published_ns // 1000,
        **_device_columns(event),
    }
    return Expected(columns, partition, path, payload)
