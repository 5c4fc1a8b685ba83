"""Makes tables, and a chart, of the results of bench/bench.py.

    report.py RESULTS           prints the tables in Markdown
    report.py RESULTS --docs    writes them into docs/benchmarks.md, and the chart into docs/benchmarks.svg
"""

import argparse
import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import chart
from plan import CASES, DEFAULTS, SERIES, Series

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN = "<!-- results: written by UPDATE_DOCS=1 make bench -->\n"
END = "<!-- end of results -->"
MIB, MILLION = 2**20, 1_000_000


@dataclass(frozen=True)
class Case:
    """What the rounds of one case say together: medians, but the highest of the peaks."""

    label: str
    rate: float
    bare_rate: float
    ratios: list[float]
    cpu: float
    bare_cpu: float
    peak: float
    bare_peak: float
    files: float
    stored: float
    streamed: float

    @staticmethod
    def of(label: str, pairs: list[dict]) -> "Case":
        """The pairs are those of one case."""
        events = pairs[0]["events"]

        def median(who: str, value: str) -> float:
            return statistics.median(pair[who][value] for pair in pairs)

        return Case(
            label=label or f"{events:,}",
            rate=events / median("sink", "seconds"),
            bare_rate=events / median("bare", "seconds"),
            ratios=sorted(pair["bare"]["seconds"] / pair["sink"]["seconds"] for pair in pairs),
            cpu=median("sink", "cpu_s") / events * MILLION,
            bare_cpu=median("bare", "cpu_s") / events * MILLION,
            peak=max(pair["sink"]["peak_mib"] for pair in pairs),
            bare_peak=max(pair["bare"]["peak_mib"] for pair in pairs),
            files=median("sink", "files"),
            stored=median("sink", "bytes") / events,
            streamed=pairs[0]["stream_bytes"] / events,
        )

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    def row(self) -> list[str]:
        """A row of the table."""
        spread = f" ({self.ratios[0]:.2f} to {self.ratios[-1]:.2f})" if len(self.ratios) > 1 else ""
        return [
            self.label, f"{self.rate:,.0f} / {self.bare_rate:,.0f}", f"{self.ratio:.2f}{spread}", f"{self.cpu:.1f} / {self.bare_cpu:.1f}",
            f"{self.peak:.0f} / {self.bare_peak:.0f}", f"{self.files:,.0f}", f"{self.streamed:,.0f} / {self.stored:,.0f}",
        ]  # fmt: skip


HEAD = ["", "events/s, sink / bare", "ratio", "CPU s for a million", "peak MiB", "files", "bytes an event, stream / files"]


def read(path: Path) -> tuple[dict, dict[str, list[dict]]]:
    """The machine, and the pairs of each case."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    pairs: dict[str, list[dict]] = {name: [] for name in CASES}
    for line in lines[1:]:
        pairs[line["case"]].append(line)
    return lines[0]["machine"], pairs


def measured(series: Series, pairs: dict[str, list[dict]]) -> list[Case]:
    """The cases of a series that were run."""
    return [Case.of(label, pairs[name]) for name, label in series.cases.items() if pairs[name]]


def all_series(pairs: dict[str, list[dict]]) -> list[tuple[str, list[Case]]]:
    """Those in which there is something to compare."""
    series = [(series.title, measured(series, pairs)) for series in SERIES.values()]
    return [(title, cases) for title, cases in series if len(cases) > 1 or (cases and not pairs[DEFAULTS])]


def line(cells: list[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cells) + " |\n"


def introduction(machine: dict) -> str:
    """Where, when and how."""
    short = machine["count"] < 300_000 or machine["rounds"] < 3
    kind = "a virtual machine with " if machine["virtual"] else ""
    return (
        f"{machine['day']}, commit {machine['commit']}, {kind}{machine['cores']} cores ({machine['cpu']}) and {machine['memory_gib']} GiB, "
        f"{machine['system']}; nats-server {machine['nats']}, SeaweedFS {machine['seaweedfs']}. "
        f"`COUNT={machine['count']} ROUNDS={machine['rounds']} LARGE={machine['large']}`.\n"
        + ("\n**A short run**, for a first look: of these figures CPU, memory and sizes mean something, and the rates little.\n" if short else "")
    )


def tables(machine: dict, pairs: dict[str, list[dict]]) -> str:
    """All of it in Markdown."""
    text = introduction(machine)
    for title, cases in all_series(pairs):
        text += f"\n### {title}\n\n" + line(HEAD) + line(["---", *["---:"] * (len(HEAD) - 1)])
        text += "".join(line(case.row()) for case in cases)
    again = [(name, max(pair["sink"]["redelivered"] for pair in of)) for name, of in pairs.items() if of]
    told = ", ".join(f"{most:,} of {name}" for name, most in again if most)
    return text + (f"\nMessages that came again, in the worst round: {told}.\n" if told else "")


def write(machine: dict, pairs: dict[str, list[dict]]) -> None:
    """Tables and chart into docs/."""
    page = DOCS / "benchmarks.md"
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    page.write_text(before + BEGIN + "\n" + tables(machine, pairs) + "\n" + END + after)
    (DOCS / "benchmarks.svg").write_text(chart.svg(all_series(pairs)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    machine, pairs = read(options.results)
    print(tables(machine, pairs), end="")
    if options.docs:
        write(machine, pairs)


if __name__ == "__main__":
    main()
