"""Understanding and evaluating a file of messages: Rasa's environment first, then this half."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from puente import assistant
from puente.settings import ROOT, Settings
from puente.training import page
from puente.training.evaluate import Report, measure
from puente.training.understand import complete

RESULTS = ROOT / "results"


class UnderstandingError(Exception):
    """The messages could not be understood; the text says what to look at."""


def understand(settings: Settings, source: Path, target: Path) -> int:
    """Write what the assistant understands of each line of `source` to `target`. Returns the number of messages.

    Trains first when there is no current model. Raises UnderstandingError or BadLine; `target` is written only whole.
    """
    if not source.exists():
        raise UnderstandingError(f"no existe el archivo {source}")
    if not assistant.model_is_current():
        assistant.train(settings)
    with tempfile.TemporaryDirectory() as folder:
        parsed = Path(folder) / "parsed.jsonl"
        command = [str(assistant.PYTHON), "-m", "bot.understand", str(source.resolve()), str(parsed)]
        result = subprocess.run(command, cwd=ROOT, env=assistant.environment(settings), check=False)
        if result.returncode:
            raise UnderstandingError("el modelo no pudo leer los mensajes; la causa está en las líneas de arriba")
        with parsed.open(encoding="utf-8") as lines:
            understood = list(complete(lines))
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".part")
    unfinished.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in understood), "utf-8")
    unfinished.replace(target)
    return len(understood)


def evaluate(settings: Settings, source: Path) -> tuple[Report, Path, Path]:
    """Measure the assistant on labelled messages. Returns the report, its JSON and its page."""
    name = source.stem
    target = RESULTS / f"{name}.understood.jsonl"
    understand(settings, source, target)
    report = measure(_lines(source), _lines(target))
    as_json, as_page = RESULTS / f"{name}.report.json", RESULTS / f"{name}.report.html"
    as_json.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1), "utf-8")
    as_page.write_text(page.render(report), "utf-8")
    return report, as_json, as_page


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]
