"""Messages of any type with Python's protobuf: compiled by protoc, made at random, and as the columns that docs/schemas.md asks for.

Nothing here shares code with the sink.
"""

import json
import random
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
from google.protobuf import descriptor, descriptor_pb2, descriptor_pool, json_format, message_factory

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
JSON_TYPES = {f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue")}
TIMESTAMP, DURATION = "google.protobuf.Timestamp", "google.protobuf.Duration"
WRAPPERS = {
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
}
FD = descriptor.FieldDescriptor
SCALARS = {
    FD.TYPE_DOUBLE: pa.float64(), FD.TYPE_FLOAT: pa.float32(), FD.TYPE_INT32: pa.int32(), FD.TYPE_SINT32: pa.int32(),
    FD.TYPE_SFIXED32: pa.int32(), FD.TYPE_INT64: pa.int64(), FD.TYPE_SINT64: pa.int64(), FD.TYPE_SFIXED64: pa.int64(),
    FD.TYPE_UINT32: pa.uint32(), FD.TYPE_FIXED32: pa.uint32(), FD.TYPE_UINT64: pa.uint64(), FD.TYPE_FIXED64: pa.uint64(),
    FD.TYPE_BOOL: pa.bool_(), FD.TYPE_STRING: pa.string(), FD.TYPE_BYTES: pa.binary(), FD.TYPE_ENUM: pa.string(),
}  # fmt: skip
FIRST_SECOND, LAST_SECOND, LONGEST = -62_135_596_800, 253_402_300_799, 315_576_000_000


class NoRow(Exception):
    """A message that can't be a row."""


def _shortest(printer, message, convert=json_format._Printer._ValueMessageToJsonObject):
    """A number of a google.protobuf.Value as the writers in C++ and Go have it: 1, where Python's writes 1.0."""
    value = convert(printer, message)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value


json_format._Printer._ValueMessageToJsonObject = _shortest


def compile_set(proto: Path) -> bytes:
    """The descriptor set of a .proto file and all that it imports, made by protoc."""
    from grpc_tools import protoc

    included = Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "set"
        arguments = ["protoc", f"-I{proto.parent}", f"-I{included}", "--include_imports", f"--descriptor_set_out={target}"]
        if protoc.main([*arguments, str(proto)]) != 0:
            raise SystemExit(f"protoc failed on {proto}")
        return target.read_bytes()


def load(descriptor_set: bytes, name: str):
    """The class of a message of a descriptor set."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def is_map(field) -> bool:
    """Whether a field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


@dataclass
class Maker:
    """Makes messages at random: every kind of field, at its edges and between."""

    dice: random.Random
    classes: dict

    def fill(self, message, depth: int) -> None:
        """Sets about half of the fields."""
        name = message.DESCRIPTOR.full_name
        if name in (TIMESTAMP, DURATION):
            self._time(message, name)
        elif name == "google.protobuf.Any":
            return
        elif name == "google.protobuf.Value":
            message.CopyFrom(self._json(type(message), 2))
        elif name == "google.protobuf.Struct":
            json_format.ParseDict({key: self._plain(1) for key in ("a", "b")}, message)
        elif name == "google.protobuf.FieldMask":
            message.paths.extend(["a", "some_field.b"])
        else:
            for field in message.DESCRIPTOR.fields:
                if field.is_required or self.dice.random() < 0.5:
                    self._field(message, field, depth)

    def _time(self, message, name: str) -> None:
        edges = [FIRST_SECOND, LAST_SECOND, 0, -1, 1_795_442_706] if name == TIMESTAMP else [-LONGEST, LONGEST, 0, 7, -7]
        message.seconds = self.dice.choice(edges)
        nanos = self.dice.choice([0, 1, 999, 1_000, 999_999_999, 500_000_000])
        message.nanos = -nanos if name == DURATION and message.seconds < 0 else nanos

    def _json(self, kind, depth: int):
        return json_format.ParseDict(self._plain(depth), kind())

    def _plain(self, depth: int):
        plain = [None, True, False, 0.5, -3.0, "text", "ü\"\\\n", ""]
        if depth > 0:
            plain += [[self._plain(depth - 1), 1.0], {"key": self._plain(depth - 1), "": None}, [], {}]
        return self.dice.choice(plain)

    def _field(self, message, field, depth: int) -> None:
        value = getattr(message, field.name)
        if is_map(field):
            key, held = (field.message_type.fields_by_name[name] for name in ("key", "value"))
            for _ in range(self.dice.randrange(4)):
                if held.message_type is None:
                    value[self._scalar(key)] = self._scalar(held)
                elif depth > 0:
                    self.fill(value[self._scalar(key)], depth - 1)
        elif field.is_repeated:
            for _ in range(self.dice.randrange(4)):
                if field.message_type is None:
                    value.append(self._scalar(field))
                elif depth > 0:
                    self.fill(value.add(), depth - 1)
        elif field.message_type is None:
            setattr(message, field.name, self._scalar(field))
        elif depth > 0:
            value.SetInParent()
            self.fill(value, depth - 1)

    def _scalar(self, field):
        kinds = type(field)
        bits = {
            kinds.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
            kinds.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
            kinds.CPPTYPE_UINT32: (0, 2**32 - 1),
            kinds.CPPTYPE_UINT64: (0, 2**64 - 1),
        }
        if field.cpp_type in bits:
            least, most = bits[field.cpp_type]
            return self.dice.choice([least, most, 0, 1, 2, 300, self.dice.randint(least, most)])
        if field.cpp_type == kinds.CPPTYPE_BOOL:
            return self.dice.random() < 0.5
        if field.cpp_type in (kinds.CPPTYPE_FLOAT, kinds.CPPTYPE_DOUBLE):
            return self.dice.choice([0.0, -0.0, 1.5, 0.1, float("inf"), float("-inf"), float("nan"), 3.0e38, 1.1754944e-38])
        if field.cpp_type == kinds.CPPTYPE_ENUM:
            return self.dice.choice([value.number for value in field.enum_type.values])
        if field.type == kinds.TYPE_BYTES:
            return self.dice.choice([b"", b"\0\xff", self.dice.randbytes(5)])
        return self.dice.choice(["", "a", "b", "grün", "東京", '"\\/\n\0', "x" * 300])


def columns(message, depth: int, around: tuple = ()) -> dict:
    """The columns of a message by name. `depth` is how many levels of a message that holds itself are columns."""
    around = (*around, message.DESCRIPTOR)
    found = {}
    for oneof in message.DESCRIPTOR.oneofs:
        # proto3 has a oneof around each optional field.
        if len(oneof.fields) > 1 or oneof.name != f"_{oneof.fields[0].name}":
            found[oneof.name] = message.WhichOneof(oneof.name)
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if is_map(field):
            held = field.message_type.fields_by_name["value"]
            found[field.name] = {key: cell(item, held, depth, around) for key, item in value.items()}
        elif field.is_repeated:
            found[field.name] = [cell(item, field, depth, around) for item in value]
        elif field.has_presence and not message.HasField(field.name):
            found[field.name] = None
        else:
            found[field.name] = cell(value, field, depth, around)
    return found


def cell(value, field, depth: int, around: tuple):
    """One value of a column."""
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else str(value)
    if field.message_type is None:
        return value
    name = field.message_type.full_name
    if name == TIMESTAMP:
        usable = FIRST_SECOND <= value.seconds <= LAST_SECOND and 0 <= value.nanos < 10**9
        return _micros(value, usable)
    if name == DURATION:
        same_sign = value.seconds * value.nanos >= 0
        return _micros(value, same_sign and abs(value.seconds) <= LONGEST and abs(value.nanos) < 10**9)
    if name in WRAPPERS:
        return value.value
    if not field.message_type.fields:
        return {"is_set": True}
    levels = sum(holds(field.message_type, other) for other in around)
    if name in JSON_TYPES or levels >= depth:
        return Json(json_format.MessageToDict(value, preserving_proto_field_name=True))
    return columns(value, depth, around)


def arrow_type(field, depth: int, around: tuple) -> pa.DataType:
    """The type of a column, whatever the field's cardinality."""
    if is_map(field):
        key, held = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        value = pa.field("value", _value_type(held, depth, around), nullable=False)
        return pa.map_(_value_type(key, depth, around), value)
    if field.is_repeated:
        return pa.list_(pa.field("element", _value_type(field, depth, around), nullable=False))
    return _value_type(field, depth, around)


def _value_type(field, depth: int, around: tuple) -> pa.DataType:
    if field.message_type is None:
        return SCALARS[field.type]
    message = field.message_type
    name = message.full_name
    if name == TIMESTAMP:
        return pa.timestamp("us", "UTC")
    if name == DURATION:
        return pa.duration("us")
    if name in WRAPPERS:
        return SCALARS[message.fields_by_name["value"].type]
    if not message.fields:
        return pa.struct([pa.field("is_set", pa.bool_())])
    levels = sum(holds(message, other) for other in around)
    if name in JSON_TYPES or levels >= depth:
        return pa.string()
    return pa.struct(arrow_fields(message, depth, around))


def arrow_fields(message, depth: int, around: tuple = (), explode: str | None = None) -> list[pa.Field]:
    """The columns of a message type, by the numbers of its fields; of the exploded one, those of an element."""
    around = (*around, message)
    fields, seen = [], set()
    for field in sorted(message.fields, key=lambda field: field.number):
        oneof = field.containing_oneof
        synthetic = oneof is not None and len(oneof.fields) == 1 and oneof.name == f"_{field.name}"
        if oneof is not None and not synthetic and oneof.name not in seen:
            seen.add(oneof.name)
            fields.append(pa.field(oneof.name, pa.string()))
        if field.name == explode:
            fields.append(pa.field(field.name, _value_type(field, depth, around)))
            continue
        required = field.is_repeated or not field.has_presence
        fields.append(pa.field(field.name, arrow_type(field, depth, around), nullable=not required))
    return fields


def _micros(value, usable: bool) -> int:
    if not usable:
        raise NoRow(value)
    # Rounded towards zero: a timestamp's nanoseconds are never negative.
    return value.seconds * 10**6 + (abs(value.nanos) // 1000) * (-1 if value.nanos < 0 else 1)


def holds(holder, held) -> bool:
    """Whether a message type holds another, directly or not."""
    seen, waiting = set(), [holder]
    while waiting:
        for field in waiting.pop().fields:
            if field.message_type is not None and field.message_type.full_name not in seen:
                seen.add(field.message_type.full_name)
                waiting.append(field.message_type)
    return held.full_name in seen


@dataclass(frozen=True)
class Json:
    """A column of JSON text, as what the text says."""

    value: object


def normal(value, expected):
    """What a reader found, in the form of what is expected: times as numbers, maps without an order, JSON parsed."""
    if isinstance(expected, Json):
        return Json(json.loads(value)) if isinstance(value, str) else value
    if isinstance(value, datetime):
        return (value - EPOCH) // MICROSECOND
    if isinstance(value, timedelta):
        return value // MICROSECOND
    if isinstance(expected, dict) and isinstance(value, list):
        # A map as pairs. The keys must come in order, each once.
        keys = [key for key, _ in value]
        return {key: normal(item, expected.get(key)) for key, item in value} if keys == sorted(set(keys)) else value
    if isinstance(expected, dict) and isinstance(value, dict):
        return {key: normal(item, expected.get(key)) for key, item in value.items()}
    if isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        return [normal(item, wanted) for item, wanted in zip(value, expected, strict=True)]
    return value


def difference(found, expected, path: str) -> str | None:
    """Where two values differ, and how; NaN is NaN, and -0.0 is not 0.0."""
    if isinstance(expected, dict) and isinstance(found, dict) and found.keys() == expected.keys():
        pairs = ((found[key], item, f"{path}.{key}") for key, item in expected.items())
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        pairs = ((item, wanted, f"{path}[]") for item, wanted in zip(found, expected, strict=True))
    elif isinstance(expected, Json) and isinstance(found, Json):
        return difference(found.value, expected.value, path)
    elif type(found) is type(expected) and (repr(found) if isinstance(found, float) else found) == (
        repr(expected) if isinstance(expected, float) else expected
    ):
        return None
    else:
        return f"{path}: {str(found)[:300]!r}, but {str(expected)[:300]!r}"
    return next(filter(None, (difference(*pair) for pair in pairs)), None)
