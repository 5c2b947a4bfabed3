"""Dates and times as families say them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puente.knowledge.dates import read_date, read_time

NOW = datetime(2026, 6, 10, 11, 0)  # a Wednesday


def day(value: str, context: str = "") -> str | None:
    found = read_date(value, NOW, context)
    return found.isoformat() if found else None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("hoy", "2026-06-10"),
        ("oi", "2026-06-10"),
        ("hoy en la mañana", "2026-06-10"),
        ("ayer", "2026-06-09"),
        ("aller", "2026-06-09"),
        ("anoche", "2026-06-09"),
        ("antier", "2026-06-08"),
        ("anteayer", "2026-06-08"),
        ("desde antes de ayer", "2026-06-08"),
        ("mañana", "2026-06-11"),
        ("mañana en la mañana", "2026-06-11"),
        ("pasado mañana", "2026-06-12"),
        ("desde el lunes", "2026-06-08"),
        ("dsd el lun", "2026-06-08"),
        ("el juev pasado", "2026-06-04"),
        ("desde el miercoles", "2026-06-03"),  # today is Wednesday: the one before
        ("lúnez", "2026-06-08"),
        ("el savado", "2026-06-06"),
        ("el miercols que viene", "2026-06-17"),
        ("para el lunes", "2026-06-15"),
        ("el próximo martes", "2026-06-16"),
        ("este viernes", "2026-06-12"),
        ("el lunes 1", "2026-06-01"),
        ("hace 3 semanas", "2026-05-20"),
        ("ase tres dias", "2026-06-07"),
        ("hace un mes", "2026-05-10"),
        ("hace 15 dias", "2026-05-26"),
        ("desde hace como dos meses", "2026-04-10"),
        ("hace mes y medio", "2026-04-25"),
        ("hace un año", "2025-06-10"),
        ("en 8 días", "2026-06-18"),
        ("dentro de dos semanas", "2026-06-24"),
        ("de hoy en ocho", "2026-06-17"),
        ("en 72 horas", "2026-06-13"),
        ("la semana pasada", "2026-06-01"),
        ("la semana antepasada", "2026-05-25"),
        ("la otra semana", "2026-06-15"),
        ("la semana q entra", "2026-06-15"),
        ("el viernes de la semana pasada", "2026-06-05"),
        ("el 15 de marzo", "2026-03-15"),
        ("marzo 15", "2026-03-15"),
        ("15 de marso de 2025", "2025-03-15"),
        ("para el 24 de diciembre", "2026-12-24"),
        ("el 20 de octubre", "2025-10-20"),
        ("primero de mayo", "2026-05-01"),
        ("treinta de abril", "2026-04-30"),
        ("del 3 al 8 de junio", "2026-06-03"),
        ("2/6", "2026-06-02"),
        ("12/11/2025", "2025-11-12"),
        ("3-may", "2026-05-03"),
        ("2026-05-30", "2026-05-30"),
        ("desde octubre", "2025-10-01"),
        ("desde abril", "2026-04-01"),
        ("el mes pasado", "2026-05-01"),
        ("el mes que entra", "2026-07-01"),
        ("fin de mes", "2026-06-30"),
        ("a finales de mayo", "2026-05-31"),
        ("el 3 del mes pasado", "2026-05-03"),
        ("desde 2024", "2024-01-01"),
        ("el 8", "2026-06-08"),
        ("para el 30", "2026-06-30"),
    ],
)
def test_a_date_is_read_as_it_is_said(written: str, expected: str) -> None:
    assert day(written) == expected


@pytest.mark.parametrize(
    ("written", "message", "expected"),
    [
        ("el jueves", "no hubo quimio el jueves", "2026-06-04"),
        ("el jueves", "tengo cita el jueves", "2026-06-11"),
        ("el jueves", "puedo ir a donar el jueves?", "2026-06-11"),
        ("el jueves", "me cambiaron la cita para el jueves", "2026-06-11"),
        ("la otra semana", "la otra semana fuimos y no habia", "2026-06-01"),
        ("la otra semana", "que vayamos la otra semana porque no llega", "2026-06-15"),
        ("el 20", "mi cita es el 20", "2026-06-20"),
        ("el 20", "la cita era el 20 y no nos atendieron", "2026-05-20"),
        ("12/8", "tiene cita 12/8", "2026-08-12"),
        ("2 semanas", "llevamos 2 semanas sin mesna", "2026-05-27"),
    ],
)
def test_the_message_tells_past_from_future(written: str, message: str, expected: str) -> None:
    assert day(written, message) == expected


@pytest.mark.parametrize(
    "written", ["", "31 de febrero", "hace rato", "en la mañana", "antes de navidad", "cada semana", "45/13"]
)
def test_what_is_no_day_is_none(written: str) -> None:
    assert day(written) is None


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    read_date(text, NOW, text)
    read_time(text, text)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a las 9", "09:00"),
        ("a las 5", "17:00"),  # nobody is seen at five in the morning
        ("a las 5 am", "05:00"),
        ("5 y media de la tarde", "17:30"),
        ("a las nueve y media", "09:30"),
        ("cuarto para las 5", "16:45"),
        ("a las 5 y cuarto", "17:15"),
        ("al mediodía", "12:00"),
        ("7am", "07:00"),
        ("8 a.m.", "08:00"),
        ("a las 3 de la mañana", "03:00"),
        ("12 de la noche", "00:00"),
        ("9 de la noche", "21:00"),
        ("a la una", "13:00"),
        ("15:30", "15:30"),
        ("4:30 pm", "16:30"),
        ("17 hrs", "17:00"),
        ("ocho treinta", "08:30"),
        ("entre 9 y 10", "09:00"),
        ("a las 12", "12:00"),
    ],
)
def test_an_hour_is_read_as_it_is_said(written: str, expected: str) -> None:
    found = read_time(written)
    assert found is not None
    assert found.strftime("%H:%M") == expected


@pytest.mark.parametrize("written", ["en la tarde", "tempranito", "por la mañana", "de noche", "hace rato"])
def test_a_part_of_the_day_is_no_hour(written: str) -> None:
    assert read_time(written) is None


def test_the_part_of_the_day_may_stand_elsewhere_in_the_message() -> None:
    found = read_time("a las 8", "que vaya a las 8 pero de la noche")
    assert found is not None
    assert found.hour == 20
