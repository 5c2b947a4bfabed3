"""The normaliser brings spellings together and leaves numbers, codes and offsets alone."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.normalizer import phonetic, pieces, plain, sound, words
from bot.nlu.spelling import Spelling


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("xq no ay medisina", "porque no hay medicina"),
        ("kiero zaver", "quiero saber"),
        ("bincristina", "vincristina"),
        ("HOLAAAA", "hola"),
        ("tmb ocupo cita", "también ocupo cita"),
        ("siclofosfamida", "ciclofosfamida"),
        ("yamar al ospital", "llamar al hospital"),
    ],
)
def test_misspelt_and_correct_sound_alike(written: str, meant: str) -> None:
    assert phonetic(written) == phonetic(meant)


@pytest.mark.parametrize(("one", "other"), [("caso", "cama"), ("niño", "nieto"), ("donar", "dolor"), ("si", "no")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert sound(one) != sound(other)


def test_double_letters_that_mean_something_stay() -> None:
    assert plain("llave carro leer") == "llave carro leer"


@pytest.mark.parametrize(
    ("written", "mark"),
    [
        ("55 5555 0134", "xtelefono"),
        ("12345678903", "xnss"),
        ("HEGG560427MVZRRL04", "xcurp"),
        ("pu 7k3m 9f4", "xfolio"),
    ],
)
def test_an_identifier_counts_by_its_shape_and_not_by_its_digits(written: str, mark: str) -> None:
    assert words(f"es {written}") == ["es", mark]


def test_short_numbers_stay_what_they_are() -> None:
    assert words("la 25 con 38 de fiebre") == ["la", "25", "con", "38", "de", "fiebre"]


def test_a_code_stays_in_one_piece() -> None:
    assert [p.text for p in pieces("folio PU-7K3M-9F4, gracias")] == ["folio", "PU-7K3M-9F4", ",", "gracias"]


def test_emoji_and_marks_are_kept() -> None:
    assert words("gracias 🙏!") == ["gracias", "🙏", "!"]


@given(st.text(max_size=80))
def test_pieces_say_exactly_where_they_stand(text: str) -> None:
    found = pieces(text)
    assert all(text[p.start : p.end] == p.text for p in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


@given(st.text(max_size=80))
def test_no_visible_sign_is_lost(text: str) -> None:
    covered = {i for p in pieces(text) for i in range(p.start, p.end)}
    assert all(c.isspace() or not (c.isalnum()) or i in covered for i, c in enumerate(text))


@given(st.text(max_size=80))
def test_any_text_can_be_normalised(text: str) -> None:
    assert isinstance(plain(text), str) and isinstance(phonetic(text), str)


def test_spelling_is_learnt_from_those_who_write_accents() -> None:
    careful = ["Quiero saber cuándo llegó la quimioterapia.", "¿Cuándo habrá más información, señorita?"]
    hurried = ["kiero zaver kuando yego", "kiero kiero kiero"]
    spelling = Spelling.learn(careful + hurried, ["maestra", "maestra", "obrera", "obrera"])
    assert spelling.correct("kiero zaver kuando yego la kimioterapia") == "quiero saber cuándo llegó la quimioterapia"


def test_unknown_words_are_left_as_they_are() -> None:
    assert Spelling({"ola": "hola"}).correct("xochiquetzal 25") == "xochiquetzal 25"
