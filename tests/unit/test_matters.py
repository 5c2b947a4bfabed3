"""A message that holds two requests: each half with its own words and data, and the second waits its turn."""

from typing import Any

import pytest

from puente.cases import matters
from puente.cases.intake import Heard
from puente.knowledge import catalogs, meanings

TEXT = "no ay vincristina en la raza y tambien kiero mover la cita de quimio de santi, es pal jueves"
SECOND_STARTS = TEXT.index("y tambien")


def _entities(text: str = TEXT, **named: str) -> list[dict[str, Any]]:
    return [
        {"entity": entity, "value": words, "start": text.index(words), "end": text.index(words) + len(words)}
        for entity, words in named.items()
    ]


NAMED = _entities(medicamento="vincristina", unidad="la raza", servicio="quimio", paciente="santi", fecha="jueves")


def _second(start: int, end: int) -> dict[str, Any]:
    return {"name": "solicitar_cita", "confidence": 0.95, "start": start, "end": end}


def _told(half: Heard) -> dict[str, str]:
    return {entity["entity"]: entity["value"] for entity in half.entities}


def _split(second: dict[str, Any]) -> tuple[Heard, Heard]:
    halves = matters.split(Heard(TEXT, "reportar_desabasto", 0.9), NAMED, second)
    assert halves is not None
    return halves


def test_each_half_keeps_its_own_words_and_intent() -> None:
    first, second = _split(_second(SECOND_STARTS, len(TEXT)))
    assert (first.text, first.intent) == ("no ay vincristina en la raza", "reportar_desabasto")
    assert (second.text, second.intent) == (
        "tambien kiero mover la cita de quimio de santi, es pal jueves",
        "solicitar_cita",
    )


def test_each_half_keeps_its_own_data_and_both_know_who_and_where() -> None:
    first, second = _split(_second(SECOND_STARTS, len(TEXT)))
    assert _told(first) == {"medicamento": "vincristina", "unidad": "la raza", "paciente": "santi"}
    assert _told(second) == {"servicio": "quimio", "paciente": "santi", "fecha": "jueves", "unidad": "la raza"}


def test_the_word_that_joins_the_halves_belongs_to_neither() -> None:
    first, second = _split(_second(TEXT.index("tambien"), len(TEXT)))
    assert first.text == "no ay vincristina en la raza"
    assert second.text.startswith("tambien kiero")


def test_the_other_request_may_stand_first() -> None:
    first, second = _split(_second(0, SECOND_STARTS - 1))
    assert second.text == "no ay vincristina en la raza"
    assert first.text.startswith("tambien kiero")


def test_a_half_that_names_its_own_hospital_keeps_it() -> None:
    text = "no hay mesna en la raza, tambien quiero cita en siglo 21"
    entities = [*_entities(text, unidad="la raza"), *_entities(text, unidad="siglo 21")]
    halves = matters.split(Heard(text, "reportar_desabasto", 0.9), entities, _second(25, len(text)))
    assert halves is not None
    assert [_told(half)["unidad"] for half in halves] == ["la raza", "siglo 21"]


@pytest.mark.parametrize("span", [(0, len(TEXT)), (5, 20), (20, 5), (0, 999), (None, None), (-3, 10)])
def test_what_is_no_half_of_the_text_is_no_second_request(span: tuple[Any, Any]) -> None:
    assert matters.split(Heard(TEXT, "x", 0.9), NAMED, _second(*span)) is None


def _request(intent: str, text: str) -> matters.Request:
    return {"intent": intent, "text": text, "entities": [], "at": "2026-11-22T09:00:00+00:00"}


def test_requests_wait_in_order_and_a_replay_adds_none() -> None:
    cita, queja = _request("solicitar_cita", "mi cita"), _request("queja_trato", "me gritaron")
    queue = matters.put_off(matters.put_off([], cita), queja, cita)
    assert queue == [cita, queja]


def test_no_more_wait_than_anybody_wants_to_be_asked_about() -> None:
    many = [_request("solicitar_cita", f"cita {number}") for number in range(9)]
    assert len(matters.put_off([], *many)) == matters.MOST_WAITING


def test_a_single_request_kept_by_an_older_version_still_waits() -> None:
    assert matters.waiting(_request("queja_trato", "x")) == [_request("queja_trato", "x")]
    assert matters.waiting(None) == []


def test_every_request_that_can_be_second_is_offered_in_its_own_words() -> None:
    intents = {kind.intent for kind in catalogs.kinds().values()} - {"urgencia_medica", "crisis_emocional"}
    offers = {intent: meanings.offered_later(intent) for intent in intents}
    assert meanings.SOMETHING_ELSE not in offers.values()
    assert all(offer.startswith("También") and offer.endswith("?") for offer in offers.values())


def test_a_person_is_never_one_of_two_meanings_because_it_is_always_offered() -> None:
    ranking = [{"name": "hablar_con_persona"}, {"name": "queja_trato"}, {"name": "felicitacion"}]
    assert [meaning.intent for meaning in meanings.likeliest(ranking)] == ["queja_trato", "felicitacion"]
