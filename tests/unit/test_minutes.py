"""Past meetings: found in plain words, by number or date; what the notes do not say is not guessed."""

from datetime import datetime

import pytest

from puente import clock
from puente.knowledge import minutes

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=clock.MEXICO_CITY)


def ids(question: str) -> list[str]:
    return [(hit.agreement or hit.topic).id for hit in minutes.search(question, NOW).hits]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("en qué acuerdo quedó lo de los vigilantes", "vigilantes"),
        ("q dijieron de los polis de la entrada", "vigilantes"),
        ("quiero ver los acuerdos del abasto en san luis", "slp_48"),
        ("acuerdos de la reunion 45 sobre abasto", "abasto_slp_45"),
        ("que paso con las sitas del banco de sangre", "citas_sangre"),
        ("cuando suben las minutas al portal", "minutas"),
        ("q dijeron de la licensia", "carteles"),
        ("la reunion estraordinaria", "extraordinaria_48"),
        ("lo de la capasitacion en cordova", "capacitacion"),
        ("cuantos pacientes hay registrados", "pacientes"),
    ],
)
def test_matters_are_found_in_plain_words(question: str, expected: str) -> None:
    assert expected in ids(question)


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("la minuta 48 ya esta?", 48),
        ("los de la 45", 45),
        ("minuta de julio", 45),
        ("la reunión del 15 de septiembre", 53),
    ],
)
def test_a_meeting_is_found_by_its_number_or_its_date(question: str, number: int) -> None:
    found = minutes.search(question, NOW)
    assert found.meeting is not None and found.meeting.numero == number


@pytest.mark.parametrize("question", ["acuerdos de la 50 porfa", "minuta d la reunion del 12 de nov", "minuta 7"])
def test_a_meeting_that_is_not_held_is_said_not_to_be_held(question: str) -> None:
    found = minutes.search(question, NOW)
    assert not found.known and found.not_held in found.text() and "No tengo la minuta" in found.text()
    assert "45.ª" in found.text() and "48.ª" in found.text()


def test_a_matter_that_no_note_speaks_of_is_not_invented() -> None:
    found = minutes.search("iban a arreglar el elevador", NOW)
    assert not found.known and "no quiero inventarle" in found.text()


def test_who_asks_for_the_minutes_in_general_hears_which_are_held() -> None:
    found = minutes.search("me pasa las minutas", NOW)
    assert found.everything and "45.ª" in found.text() and "Transparencia" in found.text()


def test_an_agreement_says_area_date_and_state_as_far_as_the_note_does() -> None:
    said = minutes.search("acuerdo de abasto de san luis potosi en la reunion 45", NOW).text()
    assert "Control de Abasto (por el asunto; la nota no nombra responsable)" in said
    assert "23 de julio de 2021" in said and "en seguimiento" in said and "48.ª reunión" in said
    named = minutes.meeting_text(minutes.meeting(45))  # type: ignore[arg-type]
    assert "Área: Transparencia\n" in named


def test_a_meeting_without_a_known_day_says_so() -> None:
    held = minutes.meeting(48)
    assert held is not None and held.fecha is None and "no trae el día" in minutes.meeting_text(held)


def test_a_meeting_whose_agreements_are_not_known_says_so() -> None:
    assert "No tengo sus acuerdos" in minutes.meeting_text(minutes.meeting(53))  # type: ignore[arg-type]


def test_agreements_can_be_listed_by_area_and_state() -> None:
    supply = minutes.agreements(area="abasto")
    assert {hit.meeting.numero for hit in supply} == {45, 48}
    assert all(hit.agreement and hit.agreement.estado == "sin_dato" for hit in minutes.agreements(state="sin_dato"))
    assert minutes.agreements(area="trabajo_social") == ()


def test_the_patients_of_the_platform_are_not_all_called_children() -> None:
    assert "no dice que todos sean niñas y niños" in minutes.search("cuantos niños pacientes hay", NOW).text()
