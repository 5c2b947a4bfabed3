"""Understanding and evaluating a file of messages: Rasa's environment first, then this half."""

import json
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import yaml

from puente import assistant, clock
from puente.knowledge import catalogs, resolve
from puente.settings import ROOT, Settings
from puente.training import floors as thresholds
from puente.training import lines, page
from puente.training.evaluate import Report, measure
from puente.training.lines import Line, Message
from puente.training.understand import KEYS, complete

RESULTS = ROOT / "results"
# JSON allows these inside a text as they are, but many readers of lines would break the line there.
LINE_ENDS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}
TERMINAL = 2  # what the model's process prints goes to stderr: our own stdout is the result


class UnderstandingError(Exception):
    """The messages could not be understood; the text says what to look at."""


def understand(settings: Settings, source: Path, target: Path) -> int:
    """Write what the assistant understands of each line of `source` to `target`. Returns the number of messages.

    A line keeps the keys it came with. Trains first when there is no current model. Raises UnderstandingError or
    BadLine; `target` is written only whole.
    """
    if target.is_dir():
        raise UnderstandingError(f"{target} es una carpeta; escriba el nombre de un archivo")
    messages = _read(source)
    if target.exists() and target.samefile(source):
        raise UnderstandingError("el archivo de salida es el mismo que el de entrada: se perderían sus etiquetas")
    parses = _parse(settings, messages)
    answers = (complete(line.message, parse) for line, parse in zip(messages, parses, strict=True))
    _write(target, [_public(line.message, answer) for line, answer in zip(messages, answers, strict=True)])
    return len(messages)


def evaluate(settings: Settings, source: Path, floors: Path | None = None) -> tuple[Report, Path, Path]:
    """Measure the assistant on labelled messages. Returns the report, its JSON and its page.

    With `floors` (a file of thresholds) the report names those not held. Raises UnderstandingError, BadLine or
    FloorsError; whatever is wrong with the files is said before the model is touched.
    """
    asked_for = thresholds.read(floors) if floors else None
    intents = _intents()
    labelled = lines.labelled(_read(source), intents, resolve.ENTITIES)
    if not any(line.message.get("intent") or line.message.get("entities") is not None for line in labelled):
        raise UnderstandingError(f"{source}: ningún mensaje tiene etiquetas («intent» o «entities») con qué comparar")
    understood = [
        complete(line.message, parse) for line, parse in zip(labelled, _parse(settings, labelled), strict=True)
    ]
    report = measure([line.message for line in labelled], understood, [line.number for line in labelled])
    if asked_for:
        report.not_held = thresholds.not_held(report, asked_for, intents, _intents_that_open_cases())
    return report, *_publish(report, source, understood, intents)


def _publish(report: Report, source: Path, understood: Sequence[Message], intents: Sequence[str]) -> tuple[Path, Path]:
    name = source.stem
    _write(RESULTS / f"{name}.understood.jsonl", understood)
    as_json, as_page = RESULTS / f"{name}.report.json", RESULTS / f"{name}.report.html"
    as_json.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1), "utf-8")
    now = clock.utcnow().astimezone(clock.MEXICO_CITY)
    as_page.write_text(page.render(report, source=source.name, now=now, order=intents), "utf-8")
    return as_json, as_page


def _read(source: Path) -> list[Line]:
    if not source.exists():
        raise UnderstandingError(f"no existe el archivo {source}")
    try:
        return lines.read(source)
    except OSError as problem:
        raise UnderstandingError(f"no se puede leer {source}: {problem.strerror}") from problem


def _parse(settings: Settings, messages: Sequence[Line]) -> list[Message]:
    """What the model says of each message, in order."""
    if not messages:
        return []
    if not assistant.model_is_current():
        assistant.train(settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, target = folder / "texts.jsonl", folder / "parsed.jsonl"
        # Escaped, so that no character of a text can be taken for the end of a line; nothing but the text, so that no
        # label can be taken for an answer.
        source.write_text("".join(json.dumps({"text": line.message["text"]}) + "\n" for line in messages), "utf-8")
        # A folder with nothing but the current model: bot.understand takes the newest of those it is shown.
        (folder / assistant.MODEL.name).symlink_to(assistant.MODEL)
        command = [str(assistant.PYTHON), "-m", "bot.understand", str(source), str(target), "--models", str(folder)]
        environment = assistant.environment(settings)
        result = subprocess.run(command, cwd=ROOT, env=environment, stdout=TERMINAL, check=False)
        if result.returncode or not target.exists():
            raise UnderstandingError("el modelo no pudo leer los mensajes; la causa está en las líneas de arriba")
        with target.open(encoding="utf-8") as parsed:
            parses = [json.loads(line) for line in parsed]
    if [parse.pop("text") for parse in parses] != [line.message["text"] for line in messages]:
        raise UnderstandingError("el modelo no devolvió los mismos mensajes que se le dieron")
    return parses


def _public(message: Message, answer: Message) -> Message:
    """The line as it came and the answers that other programs rely on, without the model's own remarks."""
    return {key: value for key, value in answer.items() if key in KEYS or key in message}


def _write(target: Path, messages: Iterable[Message]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".part")
    text = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in messages)
    unfinished.write_text(text.translate(LINE_ENDS), "utf-8")
    unfinished.replace(target)


def _intents() -> list[str]:
    """The language's intents, in the order of domain.yml: those that border on each other stand together."""
    declared = yaml.safe_load((ROOT / "domain.yml").read_text("utf-8"))["intents"]
    names = [next(iter(entry)) if isinstance(entry, dict) else str(entry) for entry in declared]
    return [name for name in names if name != "nlu_fallback"]


def _intents_that_open_cases() -> Collection[str]:
    return {kind.intent for kind in catalogs.kinds().values()}
