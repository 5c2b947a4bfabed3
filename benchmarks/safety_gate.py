"""How good and how fast the safety gate is, beside a plain list of alarm words, on messages of voices it never saw.

python benchmarks/safety_gate.py [--data FILE] [--json FILE]
"""

import argparse
import json
import re
import statistics
import time
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

from puente.safety import gate

HELDOUT = Path(__file__).resolve().parents[1] / "tests" / "data" / "safety_heldout.jsonl"
WORDS = re.compile(
    r"\b(fiebre|calentura|temperatura|38|39|40|escalofrios?|convuls\w*|desmay\w*|inconsciente|no respira|ahog\w*|"
    r"labios morados|sangr\w*|hemorragia|moretones|puntitos|vomit\w*|diarrea|no orina|dolor|pus|catet\w*|varicela|"
    r"sarampion|ronchas|alergia|hinchad\w*|sobredosis|intoxic\w*|morir|suicid\w*|matarme|emergencia|urgente|urgencia)\b"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HELDOUT)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.data.read_text(encoding="utf-8").splitlines() if line.strip()]
    result = measure(rows)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(result)


def measure(rows: list[dict[str, Any]]) -> dict[str, Any]:
    gate.warm_up()
    verdicts, millis = [], []
    for row in rows:
        start = time.perf_counter()
        verdicts.append(gate.decide(row["text"]))
        millis.append((time.perf_counter() - start) * 1000)
    listed = [bool(WORDS.search(_plain(row["text"]))) for row in rows]
    alarm = [row["label"] == "alarm" for row in rows]
    any_tier = [v.tier != gate.NONE for v in verdicts]
    certain = [v.tier == gate.CERTAIN for v in verdicts]
    return {
        "alarms": sum(alarm),
        "harmless": len(rows) - sum(alarm),
        "gate": {
            **_quality(any_tier, alarm),
            "certain_of_alarms": _share(certain, alarm),
            "certain_of_caught": sum(c and a for c, a in zip(certain, alarm, strict=True))
            / max(1, sum(c and a for c, a in zip(any_tier, alarm, strict=True))),
            "certain_on_harmless": _share(certain, [not a for a in alarm]),
            "right_kind_of_caught": _share(
                [v.kind == r["kind"] for v, r in zip(verdicts, rows, strict=True)],
                [a and c for a, c in zip(alarm, any_tier, strict=True)],
            ),
        },
        "list_of_words": _quality(listed, alarm),
        "by_kind": _by("kind", rows, any_tier, certain, lambda row: row["label"] == "alarm"),
        "harmless_by_kind": _by("kind", rows, any_tier, certain, lambda row: row["label"] != "alarm"),
        "alarms_by_voice": _by("voice", rows, any_tier, certain, lambda row: row["label"] == "alarm"),
        "harmless_by_voice": _by("voice", rows, any_tier, certain, lambda row: row["label"] != "alarm"),
        "alarms_by_strength": _by("strength", rows, any_tier, certain, lambda row: row["label"] == "alarm"),
        "alarms_buried": _by("buried", rows, any_tier, certain, lambda row: row["label"] == "alarm"),
        "alarms_misspelled": _by("misspelled", rows, any_tier, certain, lambda row: row["label"] == "alarm"),
        "curve": _curve([v.score for v in verdicts], alarm),
        "milliseconds": {
            "median": statistics.median(millis),
            "p95": sorted(millis)[int(len(millis) * 0.95)],
            "max": max(millis),
        },
    }


def _quality(said: list[bool], alarm: list[bool]) -> dict[str, float]:
    right = sum(s and a for s, a in zip(said, alarm, strict=True))
    return {
        "caught": _share(said, alarm),
        "any_alarm_on_harmless": _share(said, [not a for a in alarm]),
        "precision": right / max(1, sum(said)),
    }


def _share(said: list[bool], among: list[bool]) -> float:
    return sum(s and a for s, a in zip(said, among, strict=True)) / max(1, sum(among))


def _by(field: str, rows: list[dict[str, Any]], any_tier: list[bool], certain: list[bool], keep: Any) -> dict[str, Any]:
    groups: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for row, one, two in zip(rows, any_tier, certain, strict=True):
        if keep(row):
            groups[str(row[field])].append((one, two))
    return {
        name: {
            "messages": len(group),
            "any": sum(one for one, _ in group) / len(group),
            "certain": sum(two for _, two in group) / len(group),
        }
        for name, group in sorted(groups.items())
    }


def _curve(scores: list[float], alarm: list[bool]) -> list[dict[str, float]]:
    thresholds = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]
    return [{"threshold": t, **_quality([score >= t for score in scores], alarm)} for t in thresholds]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def show(result: dict[str, Any]) -> None:
    print(f"{result['alarms']} alarms, {result['harmless']} hard harmless messages\n")
    for name in ("gate", "list_of_words"):
        print(f"{name:>14}: " + "  ".join(f"{key} {value:.3f}" for key, value in result[name].items()))
    print("\nmilliseconds: " + "  ".join(f"{key} {value:.1f}" for key, value in result["milliseconds"].items()))
    for table in [key for key in result if key.startswith(("by_", "harmless_", "alarms_"))]:
        print(f"\n{table}")
        for name, row in result[table].items():
            print(f"  {name:<18} {row['messages']:>4}  any {row['any']:.3f}  certain {row['certain']:.3f}")
    print("\nthreshold  caught  any on harmless  precision")
    for point in result["curve"]:
        print(
            f"{point['threshold']:>9.2f}  {point['caught']:.3f}   {point['any_alarm_on_harmless']:.3f}"
            f"            {point['precision']:.3f}"
        )


if __name__ == "__main__":
    main()
