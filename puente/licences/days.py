"""How many days of Licencia 140 Bis were used and are left, from the dates that a family gives.

The law: licences of 1 to 28 days, 364 days at most within 3 years, not necessarily in a row. It does not say which day
the 3 years start on; they are counted here from the first licence's first day, and the family is told so.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from puente.knowledge.dates import read_date
from puente.knowledge.entries import long_date
from puente.knowledge.spelling import plain, with_numbers, words

MOST_DAYS = 364
LONGEST = 28
WINDOW_YEARS = 3
ARTICLE = "Art. 140 Bis, Ley del Seguro Social (Diario Oficial, 4-jun-2019)"

NoticeKind = Literal["overlap", "outside_window", "too_long", "backwards", "future", "over_the_limit", "window_over"]


@dataclass(frozen=True, slots=True, order=True)
class Licence:
    """One licence by its first and its last day, both counted."""

    start: date
    end: date

    @classmethod
    def of_days(cls, start: date, days: int) -> "Licence":
        """The licence of so many days from `start`."""
        return cls(start, start + timedelta(days=days - 1))

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the dates that the family should know, kindly said."""

    kind: NoticeKind
    text: str


_NOTHING_TO_COUNT = (
    "Todavía no tengo fechas para contar. Escríbame cada licencia, por ejemplo “14 días desde el 3 de marzo”."
)


@dataclass(frozen=True, slots=True)
class Count:
    """The days used and left, and the three years that they count in (none without a licence)."""

    used: int
    left: int
    window_start: date | None
    window_end: date | None
    notices: tuple[Notice, ...]

    def text(self) -> str:
        """The count as it is sent."""
        if self.window_start is None or self.window_end is None:
            return "\n\n".join([_NOTHING_TO_COUNT, *(notice.text for notice in self.notices)])
        lines = [
            f"Con las fechas que me dio lleva *{_days(self.used)}* de {MOST_DAYS}; "
            f"le quedan hasta *{_days(self.left)}*.",
            f"Los {WINDOW_YEARS} años los conté desde su primera licencia ({long_date(self.window_start)}) y terminan "
            f"el *{long_date(self.window_end)}*. La ley no dice desde qué día se cuentan: confírmelo en su unidad.",
            *(notice.text for notice in self.notices),
            f"_{ARTICLE}_",
        ]
        return "\n\n".join(lines)


def count(licences: Iterable[Licence], today: date) -> Count:
    """Count every day once, within the three years from the first one."""
    given = sorted(set(licences))
    usable = [licence for licence in given if licence.days >= 1]
    notices = [_backwards(licence) for licence in given if licence.days < 1]
    if not usable:
        return Count(0, MOST_DAYS, None, None, tuple(notices))
    window_start = usable[0].start
    window_end = _years_later(window_start, WINDOW_YEARS) - timedelta(days=1)
    spans = [(licence.start, min(licence.end, window_end)) for licence in usable if licence.start <= window_end]
    used = _covered(spans)
    notices += _notices_of(usable, window_end, today)
    if sum((end - start).days + 1 for start, end in spans) > used:
        notices.append(Notice("overlap", "Algunas fechas se enciman; cada día lo conté una sola vez."))
    if used > MOST_DAYS:
        notices.append(_over(used))
    return Count(used, max(MOST_DAYS - used, 0), window_start, window_end, tuple(notices))


# ---- reading what a family writes

_MONTH = (
    r"(?:ene|feb|mar|abr|may|jun|jul|ago|sep|set|oct|otu|nov|nob|dic|dis)[a-z]*|jener\w*|avril|hagosto"  # as they sound
)
_DAY = (
    rf"(?:\d{{4}}-\d\d?-\d\d?|\d\d?\s*[/.-]\s*\d\d?(?:\s*[/.-]\s*(?:20)?\d\d)?|"
    rf"(?:\d\d?|primero)(?:ro|o)?(?:\s+del?)?\s+(?:{_MONTH})(?:\s+(?:del?\s+)?(?:ano\s+)?20\d\d|\s+del?\s+\d\d\b|"
    r"\s+del ano pasado)?|"
    r"hoy|ayer|antier|(?:\d\d?|primero)\b)"
)
_RANGE = re.compile(rf"(?P<first>{_DAY})\s*(?:al?|hasta|y termina|[-–])\s*(?:el\s+)?(?:dia\s+)?(?P<last>{_DAY})")
_DAYS_THEN_START = re.compile(
    rf"(?P<days>\d{{1,3}})\s*dias?\s*(?:de licencia\s*)?,?\s*(?:desde|a ?partir|empezando|que empez\w+|"
    rf"empieza\w*|del?|con inicio|inicia\w*)\s*(?:del?\s+|el\s+)*(?:dia\s+)?(?P<first>{_DAY})"
)
_START_THEN_DAYS = re.compile(
    rf"(?P<first>{_DAY})\s*,?\s*(?:fueron|por|me dieron|dieron|con|x|de)?\s*\(?(?P<days>\d{{1,3}})\s*dias?"
)
_RULES = (_DAYS_THEN_START, _RANGE, _START_THEN_DAYS)


def read(text: str, now: datetime) -> tuple[Licence, ...]:
    """The licences that a message names: "del 3 al 16 de noviembre", "28 días desde el 5 de octubre", or a list."""
    said, found = _spelled(text), []
    while hit := min((match for rule in _RULES if (match := rule.search(said))), key=_place, default=None):
        if licence := _licence(hit, now):
            found.append(licence)
        said = said[hit.end() :]
    return tuple(found)


def _place(match: re.Match[str]) -> tuple[int, int]:
    return match.start(), -match.end()


def _licence(match: re.Match[str], now: datetime) -> Licence | None:
    parts = match.groupdict()
    if "days" in parts:
        start = _day(parts["first"], now)
        days = int(parts["days"])
        return Licence.of_days(start, days) if start and days else None
    first, last = parts["first"], parts["last"]
    if re.fullmatch(r"\d+|primero", first) and (month := re.search(r"(?:\s+de)?\s+[a-z]{3}.*$", last)):
        first += month.group()  # "del 3 al 16 de noviembre"
    start = _day(first, now)
    end = _day_of_the_month(last, start) if start and last.isdigit() else _day(last, now)
    if start is None or end is None:
        return None
    if not _year_is_said(last):
        return Licence(start, _after(start, end))
    return Licence(start if _year_is_said(first) else _before(start, end), end)


def _day(said: str, now: datetime) -> date | None:
    """The day meant: one that has passed, since licences are told afterwards, or one of the next four weeks."""
    bare = re.fullmatch(r"\d+|primero", said)
    words_said = f"el {said}" if bare else said
    found = read_date(words_said, now, context=f"me dieron desde {words_said}")
    if found is None or bare or _year_is_said(said):
        return found
    coming = _years_later(found, 1)
    return coming if coming <= now.date() + timedelta(days=LONGEST) else found


def _day_of_the_month(said: str, start: date) -> date | None:
    """The first day with that number from `start` on: "del 20 al 5"."""
    return next((day for ahead in range(62) if (day := start + timedelta(days=ahead)).day == int(said)), None)


def _before(start: date, end: date) -> date:
    """The same day and month in the year that makes a licence of it, when one does: "del 20 dic al 5 ene 2026"."""
    years = (_years_later(start, end.year - start.year - step) for step in (0, 1))
    return next((year for year in years if 0 <= (end - year).days <= 2 * LONGEST), start)


def _year_is_said(said: str) -> bool:
    return bool(re.search(r"20\d\d|ano pasado|[/.-]\s*\d\d?\s*[/.-]\s*\d\d|\bdel? \d\d$", said))


def _after(start: date, end: date) -> date:
    """The same day and month, in the first year that is not before `start`."""
    while end < start:
        end = _years_later(end, 1)
    while _years_later(end, -1) >= start:
        end = _years_later(end, -1)
    return end


def _spelled(text: str) -> str:
    """The message in lower case without accents, its number words as digits."""
    result, position = [], 0
    for word in with_numbers(words(text), articles=False):
        result += [plain(text[position : word.start]), word.key if word.key.isdigit() else word.plain]
        position = word.end
    return "".join(result) + plain(text[position:])


# ---- parts


def _covered(spans: list[tuple[date, date]]) -> int:
    """How many days the spans, in order, cover together."""
    total, reached = 0, date.min
    for start, end in spans:
        if end > reached:
            total += (end - max(start, reached + timedelta(days=1))).days + 1
            reached = end
    return total


def _notices_of(licences: list[Licence], window_end: date, today: date) -> list[Notice]:
    notices = []
    if any(licence.days > LONGEST for licence in licences):
        notices.append(
            Notice(
                "too_long",
                f"Cada licencia es de 1 a {LONGEST} días, y una de las que me dio es más larga. La conté completa; "
                "quizá son varias seguidas. Revise las fechas en su papel.",
            )
        )
    if any(licence.end > window_end for licence in licences):
        notices.append(
            Notice(
                "outside_window",
                f"Los días después del {long_date(window_end)} quedan fuera de los tres años; no los sumé.",
            )
        )
    if any(licence.end > today for licence in licences):
        notices.append(Notice("future", "También conté los días de licencia que todavía no llegan."))
    if today > window_end:
        notices.append(
            Notice(
                "window_over",
                "Contando desde la primera, los tres años ya pasaron. Pregunte en Prestaciones Económicas de su unidad "
                "si en su caso lo cuentan igual.",
            )
        )
    return notices


def _over(used: int) -> Notice:
    return Notice(
        "over_the_limit",
        f"Las fechas suman {_days(used)}, más de los {MOST_DAYS} que da la ley. Puede ser un error en alguna fecha: "
        "revíselas con calma, y si están bien, pregunte en Prestaciones Económicas de su unidad.",
    )


def _backwards(licence: Licence) -> Notice:
    return Notice(
        "backwards",
        f"Una licencia termina ({long_date(licence.end)}) antes de empezar ({long_date(licence.start)}); no la conté. "
        "¿Me la escribe otra vez?",
    )


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # a 29th of February
        return date(day.year + years, 3, 1)


def _days(count: int) -> str:
    return "1 día" if count == 1 else f"{count} días"
