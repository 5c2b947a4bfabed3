"""Numbers and codes: read when they can be right, None when they cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puente.cases import folio as folios
from puente.knowledge import identifiers


@pytest.mark.parametrize("written", ["12345678903", "1234 56 7890 3", "12-34-56-7890-3", "es el 12345678903"])
def test_an_nss_is_cleaned_when_its_check_digit_holds(written: str) -> None:
    assert identifiers.nss(written) == "12345678903"
    assert identifiers.nss_to_confirm(written) is None


@pytest.mark.parametrize("valid", ["00000000018", "99999999990"])
def test_the_known_nss_vectors_are_valid(valid: str) -> None:
    assert identifiers.nss(valid) == valid


def test_digits_of_other_scripts_are_no_nss() -> None:
    assert identifiers.nss("1234567890٣") is None


def test_an_nss_with_a_wrong_check_digit_is_to_be_confirmed_not_refused() -> None:
    assert identifiers.nss("12345678901") is None
    assert identifiers.nss_to_confirm("1234 56 7890 1") == "12345678901"


@given(st.from_regex(r"[0-9]{10}", fullmatch=True), st.integers(0, 9), st.integers(1, 9))
def test_any_single_wrong_digit_of_an_nss_is_caught(body: str, place: int, shift: int) -> None:
    right = next(body + str(check) for check in range(10) if identifiers.nss(body + str(check)))
    wrong = right[:place] + str((int(right[place]) + shift) % 10) + right[place + 1 :]
    assert identifiers.nss(wrong) is None


@pytest.mark.parametrize(
    "written", ["BOXW310820HNERXN09", "boxw310820hnerxn09", "BOXW 310820 HNERXN 09", "curp: boxw310820hnerxn09"]
)
def test_a_curp_is_cleaned_when_its_check_digit_holds(written: str) -> None:
    assert identifiers.curp(written) == "BOXW310820HNERXN09"


@pytest.mark.parametrize("written", ["BOXW310820HNERXN08", "BOXW311320HNERXN09", "BOXW310820HNERXN", "hola"])
def test_a_wrong_curp_is_none(written: str) -> None:
    assert identifiers.curp(written) is None


@pytest.mark.parametrize(
    "written",
    ["55 5555 0101", "+52 55 5555 0101", "5215555550101", "044 55 5555 0101", "(55) 5555-0101", "es 5555550101 x si",
     "cincuenta y cinco cincuenta y cinco cincuenta y cinco cero uno cero uno"],
)  # fmt: skip
def test_a_phone_has_one_form(written: str) -> None:
    assert identifiers.phone(written) == "+525555550101"


@pytest.mark.parametrize("written", ["5555", "12345678", "mi cel", "12345678903"])
def test_what_is_no_mexican_phone_is_none(written: str) -> None:
    assert identifiers.phone(written) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("O positivo", "O+"),
        ("o neg", "O-"),
        ("A-", "A-"),
        ("ab+", "AB+"),
        ("orh+", "O+"),
        ("0+", "O+"),
        ("B rh negativo", "B-"),
        ("tipo a positiba", "A+"),
        ("ab posi", "AB+"),
        ("cero positivo", "O+"),
        ("O(+)", "O+"),
        ("be negativo", "B-"),
        ("A menos", "A-"),
    ],
)
def test_a_blood_group_has_one_form(written: str, expected: str) -> None:
    assert identifiers.blood_group(written) == (expected, ())


def test_half_a_blood_group_is_asked_about() -> None:
    assert identifiers.blood_group("tipo O") == (None, ("O+", "O-"))
    assert identifiers.blood_group("rh negativo") == (None, ("O-", "A-", "B-", "AB-"))
    assert identifiers.blood_group("no sé") == (None, ())


def test_a_folio_is_read_inside_a_sentence() -> None:
    folio = folios.new()
    assert identifiers.folio(f"mi folio es {folio.lower().replace('-', ' ')} gracias") == folio
    assert identifiers.folio("no tengo folio") is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("7 años", "7 años"),
        ("de 5 añitos", "5 años"),
        ("siete", "7 años"),
        ("un año", "1 año"),
        ("8 meses", "8 meses"),
        ("año y medio", "1 año y 6 meses"),
        ("2 años y 3 meses", "2 años y 3 meses"),
        ("cinco anios", "5 años"),
        ("un mes", "1 mes"),
    ],
)
def test_an_age_is_written_one_way(written: str, expected: str) -> None:
    assert identifiers.age(written) == expected


@pytest.mark.parametrize("written", ["", "chiquito", "300 años"])
def test_what_is_no_age_is_none(written: str) -> None:
    assert identifiers.age(written) is None
