"""A chart of events a second as SVG: a bar for the sink and one for the bare fetch-and-ack beside it, in every case."""

from collections.abc import Sequence
from html import escape
from typing import Protocol

WIDTH, LEFT, RIGHT, MARGIN = 860, 170, 230, 16
HEADER, TITLE, ROW, BAR = 58, 34, 32, 11

# A ground of its own, so that it can be read on any page; a dark one where the reader's system is dark.
STYLE = """
text { font-family: system-ui, sans-serif; font-size: 13px; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.note { fill: #57606a; font-size: 12px }
.label { text-anchor: end }
.ground { fill: #ffffff; stroke: #d0d7de }
.sink { fill: #1f6feb }
.bare { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note { fill: #9198a1 }
  .ground { fill: #0d1117; stroke: #3d444d }
  .sink { fill: #4493f8 }
  .bare { fill: #656c76 }
}
"""


class Bars(Protocol):
    """What is shown of a case."""

    label: str
    rate: float
    bare_rate: float
    peak: float

    @property
    def ratio(self) -> float: ...


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}">{escape(words)}</text>\n'


def bar(y: float, width: float, kind: str) -> str:
    """A horizontal bar."""
    return f'<rect x="{LEFT}" y="{y:.0f}" width="{max(width, 1):.1f}" height="{BAR}" rx="2" class="{kind}"/>\n'


def row(case: Bars, y: float, per_event: float) -> str:
    """Both bars of a case, and its numbers to the right of them."""
    end = LEFT + max(case.rate, case.bare_rate) * per_event + 8
    return (
        text(LEFT - 8, y + BAR + 4, case.label, "label")
        + bar(y, case.rate * per_event, "sink")
        + bar(y + BAR + 1, case.bare_rate * per_event, "bare")
        + text(end, y + BAR + 4, f"{case.rate:,.0f}/s, {case.ratio:.2f} of bare, {case.peak:.0f} MiB", "note")
    )


def legend() -> str:
    """What the colours are."""
    return (
        text(MARGIN, 28, "Events a second", "title")
        + f'<rect x="{LEFT}" y="18" width="{BAR}" height="{BAR}" rx="2" class="sink"/>\n'
        + text(LEFT + BAR + 6, 28, "the sink, until all is written and acked")
        + f'<rect x="{LEFT + 290}" y="18" width="{BAR}" height="{BAR}" rx="2" class="bare"/>\n'
        + text(LEFT + 290 + BAR + 6, 28, "a bare fetch-and-ack of the same stream")
        + text(LEFT, 46, "Medians of all rounds, and the sink's highest peak of memory", "note")
    )


def svg(series: Sequence[tuple[str, Sequence[Bars]]]) -> str:
    """The whole chart; all series have one scale."""
    fastest = max(max(case.rate, case.bare_rate) for _, cases in series for case in cases)
    per_event = (WIDTH - LEFT - RIGHT) / fastest
    body, y = legend(), float(HEADER)
    for title, cases in series:
        body += text(MARGIN, y + 22, title, "title")
        y += TITLE
        for case in cases:
            body += row(case, y, per_event)
            y += ROW
    height = y + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" role="img">\n'
        f"<title>Events a second of the sink and of a bare fetch-and-ack</title>\n<style>{STYLE}</style>\n"
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="6" class="ground"/>\n{body}</svg>\n'
    )
