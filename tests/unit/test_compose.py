"""Composing: a turn in as few messages as possible, and never one that WhatsApp would refuse."""

from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from puente.whatsapp.compose import compose, shorten, shown_text, split
from tests.schemas import check_outbound, enveloped

FAMILY_EMOJI = "👩‍👩‍👧‍👦"  # seven code points, one grapheme
FLAG = "🇲🇽"
PICTURE = "https://x.example/a.png"


def _graphemes(text: str) -> list[str]:
    return list(regex.findall(r"\X", text))


def _buttons(*titles: str) -> list[dict[str, str]]:
    return [{"title": title, "payload": f"/opcion{number}"} for number, title in enumerate(titles)]


# ------------------------------------------------------------------------------------------------- one turn


def test_the_texts_of_a_turn_are_one_message() -> None:
    (body,) = compose([{"text": "Hola."}, {"text": "¿En qué hospital?"}])
    assert body == {"type": "text", "text": {"body": "Hola.\n\n¿En qué hospital?", "preview_url": False}}


def test_buttons_carry_the_text_before_them_in_the_same_message() -> None:
    (body,) = compose([{"text": "Esto anoté."}, {"text": "¿Está bien?", "buttons": _buttons("Sí", "No")}])
    assert body["type"] == "interactive"
    assert body["interactive"]["body"]["text"] == "Esto anoté.\n\n¿Está bien?"
    assert [entry["reply"] for entry in body["interactive"]["action"]["buttons"]] == [
        {"id": "/opcion0", "title": "Sí"},
        {"id": "/opcion1", "title": "No"},
    ]


def test_what_comes_after_buttons_is_another_message() -> None:
    bodies = compose([{"text": "¿Sí?", "buttons": _buttons("Sí")}, {"text": "Aquí sigo."}])
    assert [body["type"] for body in bodies] == ["interactive", "text"]


def test_a_picture_comes_after_the_text_before_it_and_carries_its_own() -> None:
    bodies = compose([{"text": "Antes"}, {"image": PICTURE, "text": "Después"}])
    assert [body["type"] for body in bodies] == ["text", "image"]
    assert bodies[1]["image"] == {"link": PICTURE, "caption": "Después"}
    assert shown_text(bodies[1]) == "Después"


def test_a_picture_whose_text_is_too_long_for_it_goes_ahead() -> None:
    bodies = compose([{"image": PICTURE, "text": "Una explicación larga. " * 50}])
    assert [body["type"] for body in bodies] == ["image", "text"]


def test_a_picture_and_its_buttons_are_one_message() -> None:
    (body,) = compose([{"image": PICTURE, "text": "¿Es este?", "buttons": _buttons("Sí")}])
    assert body["interactive"]["header"] == {"type": "image", "image": {"link": PICTURE}}


@pytest.mark.parametrize("count", [5, 12])
def test_a_picture_is_not_lost_beside_a_list(count: int) -> None:
    choices = _buttons(*(f"Opción {number}" for number in range(count)))
    first, *rest = compose([{"image": PICTURE, "text": "¿Cuál?", "buttons": choices}])
    assert first == {"type": "image", "image": {"link": PICTURE}}
    assert len(rest) == 1


def test_a_very_long_text_before_buttons_is_as_few_messages_as_it_can_be() -> None:
    bodies = compose([{"text": "Una explicación larga. " * 200, "buttons": _buttons("Sí")}])
    assert [body["type"] for body in bodies] == ["text", "interactive"]


@pytest.mark.parametrize("replies", [[], [{}], [{"text": ""}], [{"text": " \n"}, {"text": None}]])
def test_nothing_to_say_is_no_message(replies: list[Any]) -> None:
    assert compose(replies) == []


def test_what_no_database_stores_and_no_phone_shows_is_taken_out() -> None:
    (body,) = compose([{"text": "no\0 hay \ud83d"}])
    assert body["text"]["body"] == "no hay ?"


# ------------------------------------------------------------------------------------------ buttons and lists


@pytest.mark.parametrize(("count", "kind"), [(1, "button"), (3, "button"), (4, "list"), (10, "list")])
def test_up_to_three_choices_are_buttons_and_up_to_ten_a_list(count: int, kind: str) -> None:
    (body,) = compose([{"text": "¿Cuál?", "buttons": _buttons(*(f"Opción {number}" for number in range(count)))}])
    assert body["interactive"]["type"] == kind


def test_more_than_ten_choices_are_numbered_text() -> None:
    (body,) = compose([{"text": "¿Cuál?", "buttons": _buttons(*(f"Hospital {number}" for number in range(11)))}])
    assert body["text"]["body"].startswith("¿Cuál?\n\n1. Hospital 0\n")
    assert body["text"]["body"].endswith("11. Hospital 10")


def test_a_row_that_is_cut_shows_its_whole_name_below() -> None:
    name = "Hospital de Pediatría, CMN Siglo XXI, Ciudad de México"
    (body,) = compose([{"text": "¿Cuál?", "buttons": _buttons(name, "La Raza", "HGZ 1", "HGZ 2")}])
    rows = body["interactive"]["action"]["sections"][0]["rows"]
    assert rows[0] == {"id": "/opcion0", "title": "Hospital de Pediatría,…", "description": name}
    assert "description" not in rows[1]


def test_equal_titles_are_told_apart() -> None:
    long = "Hospital General de Zona número"
    (body,) = compose([{"text": "¿Cuál?", "buttons": _buttons(f"{long} 1", f"{long} 2", "Hospital General (2)")}])
    titles = [entry["reply"]["title"] for entry in body["interactive"]["action"]["buttons"]]
    assert len(set(titles)) == 3
    assert all(len(title) <= 20 for title in titles)


def test_a_choice_without_a_title_still_has_one() -> None:
    (body,) = compose([{"text": "¿Cuál?", "buttons": _buttons(" ", "\0")}])
    titles = [entry["reply"]["title"] for entry in body["interactive"]["action"]["buttons"]]
    assert all(titles)
    assert len(set(titles)) == 2


def test_choices_without_a_question_get_one() -> None:
    (body,) = compose([{"buttons": _buttons("Sí", "No")}])
    assert body["interactive"]["body"]["text"]


def test_a_long_text_before_buttons_goes_ahead_of_them() -> None:
    long = "\n\n".join(["Una explicación larga. " * 20] * 5)
    *before, last = compose([{"text": long, "buttons": _buttons("Sí")}])
    assert before
    assert len(last["interactive"]["body"]["text"]) <= 1024


# -------------------------------------------------------------------------------------------- cuts and limits


def test_a_text_is_split_at_its_paragraphs() -> None:
    pieces = split("uno " * 20 + "\n\n" + "dos " * 20, 100)
    assert [set(piece.split()) for piece in pieces] == [{"uno"}, {"dos"}]


@pytest.mark.parametrize("grapheme", [FAMILY_EMOJI, FLAG, "👍🏽", "é", "✊🏿"])
def test_an_emoji_is_never_cut_in_two(grapheme: str) -> None:
    pieces = split(grapheme * 1000, 4096)
    assert "".join(pieces) == grapheme * 1000
    assert all(set(_graphemes(piece)) == {grapheme} for piece in pieces)
    short = shorten("Sí " + grapheme * 20, 20)
    assert len(short) <= 20
    assert set(_graphemes(short)) <= {"S", "í", " ", grapheme, "…"}


def test_limits_are_counted_in_code_points() -> None:
    assert shorten(FAMILY_EMOJI * 2, 20) == FAMILY_EMOJI * 2
    assert shorten(FAMILY_EMOJI * 3, 20) == FAMILY_EMOJI * 2 + "…"


@given(st.text(max_size=300), st.integers(2, 60))
def test_shortening_never_passes_the_limit(text: str, limit: int) -> None:
    assert len(shorten(text, limit)) <= limit


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400), st.integers(10, 80))
def test_splitting_keeps_every_visible_character(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


REPLIES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(max_size=30) | st.text(max_size=12).map(lambda word: word * 500),
            "image": st.just(PICTURE),
            "buttons": st.lists(st.text(min_size=1, max_size=40), max_size=13).map(lambda titles: _buttons(*titles)),
        },
    ),
    max_size=4,
)


@given(REPLIES)
def test_whatever_is_said_whatsapp_accepts_it(replies: list[Any]) -> None:
    for body in compose(replies):
        check_outbound(enveloped(body))
