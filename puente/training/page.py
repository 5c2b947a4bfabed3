"""The evaluation as a page that a trainer can read: one file, no outside resources."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from puente.training.evaluate import Report

TEMPLATES = Path(__file__).parent
PLOT = 260  # side of the calibration plot, in pixels


def render(report: Report) -> str:
    """The page's HTML."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    labels = sorted(report.intents)
    return environment.get_template("evaluation.html").render(
        report=report, labels=labels, cells=_cells(report, labels), plot=PLOT, points=_points(report)
    )


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


def _points(report: Report) -> list[dict[str, float]]:
    return [
        {
            "x": round(bin_["confidence"] * PLOT, 1),
            "y": round((1 - bin_["right"]) * PLOT, 1),
            "radius": round(3 + min(12.0, bin_["messages"] ** 0.5), 1),
        }
        for bin_ in report.calibration
    ]
