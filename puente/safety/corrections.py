"""An error of the gate seen in use becomes an example: one line of data/safety/correcciones.jsonl, checked."""

import json
from pathlib import Path

from rapidfuzz import fuzz, process

from puente.safety import examples, gate
from puente.safety.examples import BadExample
from puente.safety.features import heard

FILE = examples.DATA / "correcciones.jsonl"
EXAM = Path(__file__).resolve().parents[2] / "tests" / "data" / "safety_heldout.jsonl"
VOICE = "s_correcciones"
LABELS = {"alarma": "alarm", "inofensivo": "harmless"}
TOO_NEAR = 85  # of 100: alike in all but a word or two
TIERS = {gate.CERTAIN: "alarma segura", gate.POSSIBLE: "alarma posible (pregunta)", gate.NONE: "sin alarma"}


def add(text: str, label: str, kind: str, file: Path | None = None, exam: Path = EXAM) -> gate.Verdict:
    """Keep one example, and return what the gate says of it before it is trained anew."""
    file = file or FILE
    text = " ".join(text.split())
    if label not in LABELS:
        raise BadExample(f"la etiqueta debe ser {' o '.join(LABELS)}, no {label!r}")
    row = {"text": text, "label": LABELS[label], "kind": kind, "voice": VOICE}
    examples.example(row, VOICE)
    _refuse_known(text, file)
    _refuse_exam(text, exam)
    verdict = gate.decide(text)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(row, ensure_ascii=False) + "\n")
    return verdict


def described(verdict: gate.Verdict) -> str:
    kind = f", {verdict.kind}" if verdict.kind else ""
    return f"La compuerta dice ahora: {TIERS[verdict.tier]}{kind} ({verdict.score:.2f})."


def _refuse_known(text: str, file: Path) -> None:
    kept = examples.load() + (examples.read_file(file) if file.exists() and file.parent != examples.DATA else [])
    same = _sounds(text)
    for one in kept:
        if _sounds(one.text) == same:
            raise BadExample(f"ese mensaje ya está en los ejemplos, en la voz {one.voice}")


def _refuse_exam(text: str, exam: Path) -> None:
    """The exam says how the gate does with messages that it never saw: they must stay unseen."""
    if not exam.exists():
        return
    lines = [_sounds(json.loads(line)["text"]) for line in exam.read_text(encoding="utf-8").splitlines() if line]
    if process.extractOne(_sounds(text), lines, scorer=fuzz.token_sort_ratio, score_cutoff=TOO_NEAR):
        raise BadExample("ese mensaje se parece demasiado a uno del examen, que no debe entrenarse")


def _sounds(text: str) -> str:
    return " ".join(heard(text))
