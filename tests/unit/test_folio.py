"""Folios: readable aloud, never mistaken, found in whatever a family writes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puente.cases import folio

SPOKEN_ALIKE = ("0O", "1IL", "5S", "2Z", "BV", "DT", "GJ", "MN", "QK")
BODIES = st.text(folio.ALPHABET, min_size=folio.BODY_LENGTH, max_size=folio.BODY_LENGTH)


def _folio(body: str) -> str:
    from stdnum.iso7064 import mod_37_36

    whole = body + mod_37_36.calc_check_digit(body, folio.ALPHABET)
    return f"PU-{whole[:4]}-{whole[4:]}"


def test_a_new_folio_has_the_form_that_is_documented_and_is_valid() -> None:
    for _ in range(200):
        made = folio.new()
        assert re.fullmatch(r"PU-[A-Z0-9]{4}-[A-Z0-9]{4}", made)
        assert folio.read(made) == made
        assert any(character.isdigit() for character in made)


def test_folios_do_not_repeat_within_any_day() -> None:
    assert len({folio.new() for _ in range(2000)}) == 2000


def test_no_two_characters_of_a_folio_are_confused() -> None:
    assert len(set(folio.ALPHABET)) == len(folio.ALPHABET)
    for alike in SPOKEN_ALIKE:
        assert sum(character in folio.ALPHABET for character in alike) <= 1, alike


@given(BODIES, st.integers(0, folio.BODY_LENGTH), st.sampled_from(folio.ALPHABET))
def test_one_wrong_character_is_always_noticed(body: str, place: int, other: str) -> None:
    compact = _folio(body).removeprefix("PU").replace("-", "")
    wrong = compact[:place] + other + compact[place + 1 :]
    assert (folio.read(wrong) is None) == (wrong != compact)


@given(BODIES)
def test_any_way_of_typing_it_is_read(body: str) -> None:
    right = _folio(body)
    bare = right.removeprefix("PU-")
    for typed in (right.lower(), bare, bare.replace("-", " "), right.replace("-", ""), f"folio {right}", f" {right}. "):
        assert folio.read(typed) == right


@given(st.text())
def test_reading_anything_never_fails(text: str) -> None:
    folio.read(text)
    folio.find(text)


@pytest.mark.parametrize(
    "sentence",
    [
        "como va mi folio {folio}",
        "oiga y el {bare} ya tiene respuesta?",
        "mi caso {bare}",
        "este {spaced} es el que me dieron",
        "folio:{compact}",
        "{lower} gracias",
        "me dieron dos pero el bueno es ({folio}).",
    ],
)
def test_a_folio_is_found_in_a_sentence(sentence: str) -> None:
    right = _folio("7K3M9F4")
    bare = right.removeprefix("PU-")
    forms = {
        "folio": right,
        "bare": bare,
        "spaced": bare.replace("-", " "),
        "compact": right.replace("-", ""),
        "lower": right.lower(),
    }
    assert folio.find(sentence.format(**forms)) == right


def test_a_mistyped_folio_is_not_found() -> None:
    right = _folio("7K3M9F4")
    wrong = right[:-1] + next(character for character in folio.ALPHABET if character != right[-1])
    assert folio.find(f"mi folio es {wrong}") is None


@given(st.lists(st.text("ACEFHJKMPRTWXY", min_size=4, max_size=4), min_size=1, max_size=6))
def test_words_alone_are_never_a_folio(words: list[str]) -> None:
    assert folio.find(" ".join(words)) is None
