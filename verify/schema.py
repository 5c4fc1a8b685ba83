"""The files' columns by the contract, as Arrow types."""

import pyarrow as pa

REQUIRED = False
OPTIONAL = True

# The names, types and nullability in the contract's order.
COLUMNS = [
    ("id", pa.string(), REQUIRED),
    ("device_id", pa.string(), REQUIRED),
    ("app_id", pa.string(), REQUIRED),
    ("timestamp_ms", pa.timestamp("ms", "UTC"), REQUIRED),
    ("correlation_id", pa.string(), OPTIONAL),
    ("event_category", pa.string(), REQUIRED),
    ("event_type", pa.string(), REQUIRED),
    ("platform", pa.string(), OPTIONAL),
    ("network_type", pa.string(), OPTIONAL),
    ("os_version", pa.string(), OPTIONAL),
    ("app_version", pa.string(), OPTIONAL),
    ("build_number", pa.string(), OPTIONAL),
    ("device_model", pa.string(), OPTIONAL),
    ("manufacturer", pa.string(), OPTIONAL),
    ("locale", pa.string(), OPTIONAL),
    ("timezone", pa.string(), OPTIONAL),
    ("carrier", pa.string(), OPTIONAL),
    ("sdk_version", pa.string(), OPTIONAL),
    ("screen_width", pa.int32(), OPTIONAL),
    ("screen_height", pa.int32(), OPTIONAL),
    ("is_jailbroken", pa.bool_(), OPTIONAL),
    ("is_emulator", pa.bool_(), OPTIONAL),
    ("payload_json", pa.string(), REQUIRED),
    ("year", pa.int32(), REQUIRED),
    ("month", pa.int32(), REQUIRED),
    ("day", pa.int32(), REQUIRED),
    ("hour", pa.int32(), REQUIRED),
    ("idempotency_key", pa.string(), OPTIONAL),
    ("nats_stream_sequence", pa.int64(), REQUIRED),
    ("nats_published_at", pa.timestamp("us", "UTC"), REQUIRED),
]
PARTITION_COLUMNS = ["app_id", "year", "month", "day", "hour"]
# Columns that the contract wants dictionary-encoded.
DICTIONARY = {"app_id", "event_category", "event_type", "platform", "network_type"}

DEAD_LETTER_TYPES = {
    "nats_stream_sequence": pa.int64(),
    "nats_published_at": pa.timestamp("us", "UTC"),
    "nats_subject": pa.string(),
    "headers": pa.map_(pa.string(), pa.list_(pa.string())),
    "body": pa.binary(),
    "reason": pa.string(),
    "delivery_count": pa.int64(),
    "nats_row_index": pa.int32(),
    "nats_subject_bytes": pa.binary(),
    "header_bytes": pa.binary(),
}


def event_schema(with_partition: bool) -> pa.Schema:
    """The schema of an event file, without or with the partition columns."""
    return pa.schema(
        pa.field(name, kind, nullable)
        for name, kind, nullable in COLUMNS
        if with_partition or name not in PARTITION_COLUMNS
    )


def _same_type(actual: pa.DataType, wanted: pa.DataType) -> bool:
    """Equality that looks through the names that Parquet and Arrow give to the fields inside a map or list."""
    if pa.types.is_map(wanted):
        return (
            pa.types.is_map(actual)
            and _same_type(actual.key_type, wanted.key_type)
            and _same_type(actual.item_type, wanted.item_type)
        )
    if pa.types.is_list(wanted):
        return pa.types.is_list(actual) and _same_type(actual.value_type, wanted.value_type)
    return actual == wanted


def check_event_schema(actual: pa.Schema) -> list[str]:
    """What is wrong with an event file's schema; nothing when it is right."""
    with_partition = "year" in actual.names
    wanted = event_schema(with_partition)
    if actual.names != wanted.names:
        return [f"columns are {actual.names}, not {wanted.names}"]
    return [
        f"column {want.name} is {have}, not {want}"
        for have, want in zip(actual, wanted, strict=True)
        if have.type != want.type or have.nullable != want.nullable
    ]


def check_dead_letter_schema(actual: pa.Schema) -> list[str]:
    """What is wrong with a dead-letter file's schema; more columns than these are allowed."""
    faults = []
    for name, wanted in DEAD_LETTER_TYPES.items():
        if name not in actual.names:
            faults.append(f"column {name} is missing")
        elif not _same_type(actual.field(name).type, wanted):
            faults.append(f"column {name} is {actual.field(name).type}, not {wanted}")
    return faults
