"""Days of licence used and left: every day once, 364 in three years, strange dates noticed and kindly explained."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puente import clock
from puente.licences import days
from puente.licences.days import Licence

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=clock.MEXICO_CITY)
TODAY = NOW.date()
A_DAY = st.dates(date(2019, 6, 4), date(2030, 12, 31))
A_LICENCE = st.builds(Licence.of_days, A_DAY, st.integers(1, 28))
NEARBY = st.builds(
    Licence.of_days, st.dates(date(2025, 1, 1), date(2027, 12, 1)), st.integers(1, 28)
)  # all within three years


def kinds(count: days.Count) -> set[str]:
    return {notice.kind for notice in count.notices}


def test_two_licences_are_added() -> None:
    count = days.count([Licence.of_days(date(2026, 3, 3), 14), Licence.of_days(date(2026, 10, 5), 28)], TODAY)
    assert (count.used, count.left) == (42, 322)
    assert (count.window_start, count.window_end) == (date(2026, 3, 3), date(2029, 3, 2))
    assert not count.notices
    said = count.text()
    assert "42 días" in said and "322 días" in said and "2 de marzo de 2029" in said and "140 Bis" in said
    assert "La ley no dice desde qué día" in said


def test_without_dates_it_asks_for_them() -> None:
    count = days.count([], TODAY)
    assert (count.used, count.left, count.window_end) == (0, 364, None)
    assert "Escríbame cada licencia" in count.text()


@pytest.mark.parametrize(
    ("licences", "kind", "used"),
    [
        ([Licence(date(2026, 3, 1), date(2026, 3, 10)), Licence(date(2026, 3, 5), date(2026, 3, 14))], "overlap", 14),
        ([Licence.of_days(date(2026, 1, 1), 40)], "too_long", 40),
        ([Licence(date(2026, 5, 10), date(2026, 5, 1))], "backwards", 0),
        ([Licence.of_days(date(2026, 11, 20), 14)], "future", 14),
        ([Licence.of_days(date(2023, 1, 1), 28), Licence.of_days(date(2026, 3, 1), 10)], "outside_window", 28),
        ([Licence.of_days(date(2020, 1, 1), 28)], "window_over", 28),
    ],
)
def test_strange_dates_are_noticed(licences: list[Licence], kind: str, used: int) -> None:
    count = days.count(licences, TODAY)
    assert kind in kinds(count) and count.used == used
    assert all(notice.text in count.text() for notice in count.notices)


def test_more_than_the_law_gives_is_explained_kindly() -> None:
    many = [Licence.of_days(date(2024, 1, 1) + timedelta(days=29 * index), 28) for index in range(14)]
    count = days.count(many, TODAY)
    assert count.used == 392 and count.left == 0 and "over_the_limit" in kinds(count)
    assert "Puede ser un error" in count.text()


def test_the_window_that_starts_on_a_leap_day_ends() -> None:
    count = days.count([Licence.of_days(date(2024, 2, 29), 1)], TODAY)
    assert count.window_end == date(2027, 2, 28)


@settings(max_examples=100, deadline=None)
@given(st.lists(A_LICENCE, min_size=1, max_size=25))
def test_the_days_used_are_the_different_days_within_the_window(licences: list[Licence]) -> None:
    count = days.count(licences, TODAY)
    assert count.window_start is not None and count.window_end is not None
    different = {
        day
        for licence in licences
        for offset in range(licence.days)
        if (day := licence.start + timedelta(days=offset)) <= count.window_end
    }
    assert count.used == len(different)
    assert count.left == max(364 - count.used, 0)
    assert count.window_start == min(licence.start for licence in licences)
    assert 1095 <= (count.window_end - count.window_start).days + 1 <= 1096


@settings(max_examples=60, deadline=None)
@given(st.lists(NEARBY, min_size=1, max_size=12), st.randoms())
def test_order_and_repetition_do_not_matter(licences: list[Licence], random) -> None:  # type: ignore[no-untyped-def]
    again = [*licences, *licences]
    random.shuffle(again)
    assert days.count(again, TODAY) == days.count(licences, TODAY)


@settings(max_examples=60, deadline=None)
@given(st.lists(NEARBY, min_size=1, max_size=12), NEARBY)
def test_one_licence_more_never_leaves_more_days(licences: list[Licence], another: Licence) -> None:
    before, after = days.count(licences, TODAY), days.count([*licences, another], TODAY)
    if another.start >= before.window_start:  # an earlier one moves the window
        assert after.used >= before.used and after.left <= before.left


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("del 3 al 16 de noviembre", [("2026-11-03", 14)]),
        ("28 días desde el 5 de octubre", [("2026-10-05", 28)]),
        (
            "14 dias apartir del 3 de marso y otra del 20 de marzo al 2 de abril",
            [("2026-03-03", 14), ("2026-03-20", 14)],
        ),
        ("catorce dias desde el 10 de enero de 2025", [("2025-01-10", 14)]),
        ("del 20/12/2025 al 05/01/2026", [("2025-12-20", 17)]),
        ("del 20 de diciembre al 5 de enero de 2026", [("2025-12-20", 17)]),
        ("3/10/2026 - 16/10/2026", [("2026-10-03", 14)]),
        ("el 5 de mayo me dieron 10 dias", [("2026-05-05", 10)]),
        ("del 1 al 28", [("2026-11-01", 28)]),
        ("7 dias desde el primero de nobiembre", [("2026-11-01", 7)]),
        ("desde el 3 de octubre hasta el 12 de octubre del año pasado", [("2025-10-03", 10)]),
        ("llevo 3 licencias de 28 dias", []),
        ("cuantos dias me quedan", []),
    ],
)
def test_dates_are_read_as_families_write_them(said: str, expected: list[tuple[str, int]]) -> None:
    found = [(licence.start.isoformat(), licence.days) for licence in days.read(said, NOW)]
    assert found == expected


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(said: str) -> None:
    days.read(said, NOW)


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2026, 11, 1)), st.integers(1, 28))
def test_what_is_written_in_full_is_read_back(start: date, length: int) -> None:
    end = start + timedelta(days=length - 1)
    said = f"del {start.day}/{start.month}/{start.year} al {end.day}/{end.month}/{end.year}"
    assert days.read(said, NOW) == (Licence(start, end),)
