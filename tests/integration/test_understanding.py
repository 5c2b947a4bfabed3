"""The real model over a few lines: `make understand` gives what other programs rely on. Trains when it must."""

import json
from pathlib import Path
from typing import Any

import pytest

from puente import settings as configuration
from puente.training import commands
from puente.training.understand import ENTITY_KEYS, KEYS

NOW = "2026-11-22T10:00:00-06:00"  # a Sunday
MESSAGES: list[dict[str, Any]] = [
    {"text": "no ay vincristina en la raza desde antier y ya le tocaba a mi niña", "now": NOW, "id": 1},
    {"text": "mi telefono es 55 5555 0134 y mi niña es O positivo", "now": NOW},
    {"text": "mi hijo está convulsionando", "now": NOW},
    {"text": "no hay vincristina", "intent": "saludo", "second_intent": "una etiqueta", "entities": []},
    {"text": "asdf qwer"},
    {"text": "👍"},
    {"text": ""},
    {"text": "/restart\u2028hola"},
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the assistant understands of MESSAGES."""
    folder: Path = tmp_path_factory.mktemp("understanding")
    source, target = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps(message, ensure_ascii=False) + "\n" for message in MESSAGES), "utf-8")
    commands.understand(configuration.load({"PUENTE_HOME": str(folder)}), source, target)
    return [json.loads(line) for line in target.read_text("utf-8").split("\n") if line]


def test_every_line_comes_back_in_its_place_with_exactly_the_keys_of_the_interface(
    answers: list[dict[str, Any]],
) -> None:
    assert [answer["text"] for answer in answers] == [message["text"] for message in MESSAGES]
    for message, answer in zip(MESSAGES, answers, strict=True):
        assert set(answer) == set(message) | set(KEYS)
        assert all(set(entity) == set(ENTITY_KEYS) for entity in answer["entities"])


def test_every_value_is_of_the_kind_that_the_interface_says(answers: list[dict[str, Any]]) -> None:
    intents = {*commands._intents(), None}  # none of an empty message
    for answer in answers:
        assert answer["intent"] in intents
        assert 0 <= answer["confidence"] <= 1
        assert answer["decision"] in ("act", "ask")
        assert answer["urgency"] in ("certain", "possible", "none")
        assert (answer["urgency_kind"] is None) == (answer["urgency"] == "none")
        assert 0 <= answer["urgency_score"] <= 1
        for entity in answer["entities"]:
            assert answer["text"][entity["start"] : entity["end"]] == entity["value"]
            assert entity["resolved"] is None or entity["candidates"] == []


def test_the_plainest_messages_are_understood_and_resolved(answers: list[dict[str, Any]]) -> None:
    shortage, identifiers, convulsion = answers[:3]
    assert shortage["intent"] == "reportar_desabasto"
    resolved = {entity["entity"]: entity["resolved"] for entity in shortage["entities"]}
    assert resolved["medicamento"] == "vincristina"
    assert resolved["fecha"] == "2026-11-20"
    assert resolved["unidad"] is not None
    resolved = {entity["entity"]: entity["resolved"] for entity in identifiers["entities"]}
    assert resolved["telefono"] == "+525555550134"
    assert resolved["tipo_sangre"] == "O+"
    assert convulsion["urgency"] == "certain"


def test_labels_of_the_input_are_not_taken_for_answers(answers: list[dict[str, Any]]) -> None:
    labelled = answers[3]
    assert labelled["intent"] != "saludo"
    assert [entity["entity"] for entity in labelled["entities"]] == ["medicamento"]
