"""Phones: every spelling of a Mexican number is one number, and no other country's number becomes it."""

import pytest

from puente.contacts import phone

SAME = "+525555550101"


@pytest.mark.parametrize(
    "spelling",
    [
        "5215555550101",
        "525555550101",
        "+52 1 55 5555 0101",
        "+52 (55) 5555-0101",
        "5555550101",
        "55 5555 0101",
        "044 55 5555 0101",
        "045 55 5555 0101",
        "01 55 5555 0101",
        "00 52 55 5555 0101",
        " 52 55 5555 0101",  # a "+" in an address that nobody encoded
    ],
)
def test_a_mexican_number_is_one_number_however_it_is_written(spelling: str) -> None:
    assert phone.normalise(spelling) == SAME


@pytest.mark.parametrize("spelling", ["", "hola", "12345", "555555010", "52555555010", "5215555550101999"])
def test_what_is_no_number_is_none(spelling: str) -> None:
    assert phone.normalise(spelling) is None


@pytest.mark.parametrize(("spelling", "number"), [("15005550101", "+15005550101"), ("+34 600 000 101", "+34600000101")])
def test_a_foreign_number_keeps_its_country(spelling: str, number: str) -> None:
    assert phone.normalise(spelling) == number


def test_a_whatsapp_id_of_ten_digits_is_foreign_and_not_a_mexican_number() -> None:
    assert phone.of_whatsapp("4520555501") == "+4520555501"
    assert phone.of_whatsapp("4520555501") != phone.normalise("4520555501")


@pytest.mark.parametrize("wa_id", ["5215555550101", "525555550101", "+525555550101"])
def test_a_mexican_whatsapp_id_matches_the_number_in_its_other_spellings(wa_id: str) -> None:
    assert phone.of_whatsapp(wa_id) == SAME


def test_a_whatsapp_id_that_is_no_phone_stands_for_itself() -> None:
    assert phone.of_whatsapp("12345") == "12345"
