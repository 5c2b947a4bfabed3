"""The evaluation as a page that a trainer can read: one file, no outside resources."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from puente.training.evaluate import ALL, Report

TEMPLATES = Path(__file__).parent
PLOT = 300  # side of the calibration plot, in its own units
MONTHS = (
    *("enero", "febrero", "marzo", "abril", "mayo", "junio"),
    *("julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"),
)
WORST = 10  # confusions shown with an example


def render(report: Report, *, source: str, now: datetime, order: Sequence[str] = ()) -> str:
    """The page's HTML. In `order` intents that border on each other stand together; others follow."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"percent": _percent, "points": _points_of_hundred}
    labels = [*(label for label in order if label in report.intents), *sorted(set(report.intents) - set(order))]
    return environment.get_template("evaluation.html").render(
        report=report,
        source=source,
        date=f"{now.day} de {MONTHS[now.month - 1]} de {now.year}, {now:%H:%M}",
        all=ALL,
        labels=labels,
        cells=_cells(report, labels),
        intents=sorted(report.intents.items(), key=lambda entry: (entry[1]["f1"], entry[0])),
        goes_to=_goes_to(report),
        voices=sorted(report.voices.items(), key=_weakest_first),
        worst=_worst(report),
        errors=sorted(report.errors, key=lambda error: (error["decision"] == "ask", -error["confidence"])),
        plot=PLOT,
        points=_points(report),
    )


def _weakest_first(entry: tuple[str, dict[str, Any]]) -> tuple[float, str]:
    voice, row = entry
    accuracy = row["accuracy"]["value"]
    return (2.0 if accuracy is None else accuracy), voice  # what was not measured comes last


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def _points_of_hundred(share: float | None) -> str:
    return "—" if share is None else f"{100 * share:.1f}"


def _cells(report: Report, labels: list[str]) -> list[list[dict[str, Any]]]:
    """The confusion matrix row by row; `share` of the row's messages decides the colour."""
    rows = []
    for gold in labels:
        row = report.matrix.get(gold, {})
        total = sum(row.values()) or 1
        rows.append(
            [{"count": row.get(said, 0), "share": row.get(said, 0) / total, "right": said == gold} for said in labels]
        )
    return rows


def _goes_to(report: Report) -> dict[str, list[tuple[str, int]]]:
    """For each intent the three that it is most often taken for."""
    goes: dict[str, list[tuple[str, int]]] = {label: [] for label in report.intents}
    for confusion in report.confusions:  # the most frequent first
        goes[confusion["intent"]].append((confusion["taken_for"], confusion["count"]))
    return {label: others[:3] for label, others in goes.items()}


def _worst(report: Report) -> list[dict[str, Any]]:
    """The most frequent confusions, each with messages where it happened."""
    texts = {error["line"]: error["text"] for error in report.errors}
    often = [confusion for confusion in report.confusions[:WORST] if confusion["count"] > 1]
    return [{**confusion, "examples": [texts[line] for line in confusion["lines"][:2]]} for confusion in often]


def _points(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "x": round(group["confidence"] * PLOT, 1),
            "y": _height(group["right"]),
            "low": _height(group["low"]),
            "high": _height(group["high"]),
            "radius": round(3 + min(11.0, group["messages"] ** 0.5 / 2), 1),
            **{key: group[key] for key in ("messages", "confidence", "right")},
        }
        for group in report.calibration
    ]


def _height(share: float) -> float:
    return round((1 - share) * PLOT, 1)
