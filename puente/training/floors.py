"""Thresholds that the assistant has to hold, so that a change that makes it worse does not pass unseen."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from puente.training.evaluate import Report


class FloorsError(Exception):
    """The file of thresholds cannot be used; the text says why."""


class Floors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for, between 0 and 1; what is absent is not asked for."""

    accuracy: float | None = None
    macro_f1: float | None = None
    wrong_with_confidence: float | None = None  # at most
    calibration_error: float | None = None  # at most
    entity_f1: float | None = None
    entity_f1_exact: float | None = None
    resolution: float | None = None
    recall_of_every_intent: float | None = None
    recall_when_it_opens_a_case: float | None = None  # hard: `recall` can ask for more, not for less
    recall: dict[str, float] = {}


def read(path: Path) -> Floors:
    """The thresholds of a YAML file. Raises FloorsError."""
    try:
        floors = msgspec.yaml.decode(path.read_bytes(), type=Floors)
    except OSError as problem:
        raise FloorsError(f"no se puede leer {path}: {problem.strerror}") from problem
    except (msgspec.DecodeError, ValueError) as problem:
        raise FloorsError(f"{path}: {problem}") from problem
    values = {name: value for name, value in msgspec.structs.asdict(floors).items() if isinstance(value, float)}
    for name, value in {**values, **floors.recall}.items():
        if not 0 <= value <= 1:
            raise FloorsError(f"{path}: {name} debe estar entre 0 y 1, no {value:g}")
    return floors


def not_held(report: Report, floors: Floors, intents: Collection[str], opens_case: Collection[str]) -> list[str]:
    """A sentence for each threshold that the report does not hold. What was not measured is not held.

    `intents` are all that the assistant knows; `opens_case` those whose misunderstanding leaves a family without help.
    """
    return [*_overall(report, floors), *_recalls(report, _asked_recalls(floors, intents, opens_case))]


def _overall(report: Report, floors: Floors) -> Iterator[str]:
    at_least = [
        ("intención correcta", report.accuracy["value"], floors.accuracy),
        ("F1 medio por intención", report.macro_f1, floors.macro_f1),
        ("F1 de datos", report.entity_f1, floors.entity_f1),
        ("F1 de datos, exacto", report.entity_f1_exact, floors.entity_f1_exact),
        ("datos bien resueltos", report.resolution["todas"]["value"] if report.resolution else None, floors.resolution),
    ]
    at_most = [
        ("equivocados sin preguntar", report.wrong_with_confidence["value"], floors.wrong_with_confidence),
        ("error de calibración", report.calibration_error, floors.calibration_error),
    ]
    for name, value, floor in at_least:
        if floor is not None and (value is None or value < floor):
            yield _sentence(name, value, f"al menos {_number(floor)}")
    for name, value, ceiling in at_most:
        if ceiling is not None and (value is None or value > ceiling):
            yield _sentence(name, value, f"a lo más {_number(ceiling)}")


def _asked_recalls(floors: Floors, intents: Collection[str], opens_case: Collection[str]) -> Mapping[str, float]:
    """For each intent the highest recall that any of the rules asks for."""
    asked = dict(floors.recall)
    if floors.recall_of_every_intent is not None:
        asked = dict.fromkeys(intents, floors.recall_of_every_intent) | asked
    if floors.recall_when_it_opens_a_case is not None:
        hard = floors.recall_when_it_opens_a_case
        asked |= {intent: max(hard, asked.get(intent, hard)) for intent in opens_case}
    return dict(sorted(asked.items()))


def _recalls(report: Report, asked: Mapping[str, float]) -> Iterator[str]:
    for intent, floor in asked.items():
        recall = report.intents[intent]["recall"] if intent in report.intents else None
        if recall is None or recall < floor:
            yield _sentence(f"recuperación de {intent}", recall, f"al menos {_number(floor)}")


def _sentence(name: str, value: float | None, asked: str) -> str:
    said = "no se midió (ningún mensaje lo trae)" if value is None else _number(value)
    return f"{name}: {said}; se pide {asked}"


def _number(share: float) -> str:
    return f"{100 * share:.1f} %"
