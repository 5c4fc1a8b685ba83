"""What is measured: the streams, the cases that read them, and the series in which cases stand side by side."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Stream:
    """What is published. The partitions are apps times hours."""

    times: int = 1  # of COUNT
    apps: int = 4
    hours: int = 1
    form: str = "protobuf"
    size: int = 0  # bytes of an event; 0 for the varied ones of `warehouse-sink generate`
    large: bool = False  # LARGE events, not COUNT


@dataclass(frozen=True)
class Case:
    """The sink with settings that are the defaults otherwise."""

    stream: Stream = Stream()
    store: str = "fs"
    settings: dict[str, dict] = field(default_factory=dict, hash=False)


def workers(count: int) -> Case:
    """With more fetchers."""
    return Case(settings={"nats": {"worker_count": count}})


JSON = {
    "format": "json",
    "columns": (Path(__file__).parent / "events.columns").read_text(),
    "partition_by": ["app_id"],
    "event_time": "timestamp_ms",
}

DEFAULTS = "defaults"
CASES: dict[str, Case] = {
    DEFAULTS: Case(),
    "seaweedfs": Case(store="s3"),
    "json": Case(Stream(form="json"), settings={"schema": JSON}),
    "native": Case(settings={"schema": {"payload": "native"}}),
    "both": Case(settings={"schema": {"payload": "both"}}),
    "backlog x3": Case(Stream(times=3)),
    "backlog x10": Case(Stream(times=10)),
    "1 partition": Case(Stream(apps=1)),
    "100 partitions": Case(Stream(apps=10, hours=10)),
    "1000 partitions": Case(Stream(apps=10, hours=100)),
    "100 B": Case(Stream(size=100)),
    "2 kB": Case(Stream(size=2_000)),
    "100 kB": Case(Stream(size=100_000, large=True)),
    "1 worker": workers(1),
    "3 workers": workers(3),
    "4 workers": workers(4),
}


@dataclass(frozen=True)
class Series:
    """Cases to compare, each with what sets it apart."""

    title: str
    cases: dict[str, str]


SERIES: dict[str, Series] = {
    "beside": Series(
        "Side by side",
        {
            DEFAULTS: "local files, defaults",
            "seaweedfs": "SeaweedFS",
            "json": "JSON in",
            "native": 'payload = "native"',
            "both": 'payload = "both"',
        },
    ),
    "backlog": Series("A longer backlog", {DEFAULTS: "", "backlog x3": "", "backlog x10": ""}),
    "partitions": Series(
        "More partitions",
        {"1 partition": "1", DEFAULTS: "4", "100 partitions": "100", "1000 partitions": "1,000"},
    ),
    "size": Series("Larger events", {"100 B": "100 B", DEFAULTS: "about 300 B", "2 kB": "2 kB", "100 kB": "100 kB"}),
    "workers": Series(
        "More fetchers",
        {"1 worker": "1 worker", DEFAULTS: "2 workers", "3 workers": "3 workers", "4 workers": "4 workers"},
    ),
}


def cases_of(name: str) -> set[str]:
    """Those of a series, or the one of this name."""
    if name in SERIES:
        return set(SERIES[name].cases)
    if name not in CASES:
        raise SystemExit(f"bench: no case or series {name}; there are {', '.join([*SERIES, *CASES])}")
    return {name}


def chosen(names: list[str]) -> dict[str, Case]:
    """The cases of these names or series, all if none is named, without those of names after a `-`; the defaults stay, which all are
    compared with. In an order that publishes each stream once."""
    named = [name for name in names if not name.startswith("-")] or list(SERIES)
    left_out = [name[1:] for name in names if name.startswith("-")]
    wanted = set().union(*map(cases_of, named)) - (set().union(*map(cases_of, left_out)) - {DEFAULTS})
    streams = list(dict.fromkeys(case.stream for case in CASES.values()))
    return {name: case for stream in streams for name, case in CASES.items() if case.stream == stream and name in wanted}
