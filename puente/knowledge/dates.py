"""Dates and times as they are said in Mexico, resolved against the moment the message was written.

The words are first brought to one spelling ("dsd el juev", "lúnez", "ase 3 semanas"), then read by a small grammar.
"""

import calendar
import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

from rapidfuzz import fuzz, process

from puente.knowledge.spelling import listed, plain, sound, with_numbers, words

Tense = Literal["past", "future"]

_WEEKDAYS = ["lunes", "martes", "miercoles", "jueves", "viernes", "sabado", "domingo"]
_MONTHS = ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto",
           "septiembre", "octubre", "noviembre", "diciembre"]  # fmt: skip
_OTHER = listed(
    "ayer antier anteayer anoche antenoche anteanoche trasantier hoy manana pasado pasada "
    "pasadomanana antepasado antepasada entra proximo "
    "proxima siguiente entrante viene hace desde semana semanas dia dias mes meses ano anos quincena rato ahora "
    "ahorita antes despues dentro este esta estos otro otra fin fines finales inicio inicios principio principios "
    "finde mediados presente para hasta primero primer ultimo noche tarde temprano medio media par llevo hacia "
    "corriente madrugada mediodia medianoche cuarto punto pico bisiesto"
)
_ABBREVIATIONS = {
    "lun": "lunes", "mier": "miercoles", "mie": "miercoles", "mierc": "miercoles", "miecoles": "miercoles",
    "juev": "jueves", "jue": "jueves", "vier": "viernes", "vie": "viernes", "sab": "sabado", "dom": "domingo",
    "mart": "martes", "ene": "enero", "feb": "febrero", "mzo": "marzo", "marz": "marzo", "abr": "abril",
    "may": "mayo", "jun": "junio", "jul": "julio", "ago": "agosto", "agto": "agosto", "sep": "septiembre",
    "sept": "septiembre", "set": "septiembre", "setiembre": "septiembre", "oct": "octubre", "nov": "noviembre",
    "dic": "diciembre", "dsd": "desde", "dde": "desde", "desd": "desde", "mnn": "manana", "mnna": "manana",
    "mna": "manana", "maniana": "manana", "manan": "manana", "pa": "para", "sem": "semana",
    "sems": "semanas", "prox": "proximo",
    "sig": "siguiente", "noches": "dias", "antiayer": "antier", "antie": "antier", "antiyer": "antier",
    "ante": "ante", "anter": "antier",
    "quinse": "quince", "pasao": "pasado", "q": "que", "k": "que", "ke": "que",
    "d": "de", "dl": "del", "hac": "hace", "acen": "hace", "hacen": "hace", "has": "hace",
    "prosimo": "proximo", "procsimo": "proximo", "prosima": "proxima", "ase": "hace",
    "anio": "ano", "anios": "anos", "primeros": "principios", "diad": "dias",
}  # fmt: skip
_FEAST_WORDS = listed(
    "navidad nochebuena reyes candelaria valentin nino madres maestro grito independencia patrias santos muertos "
    "difuntos revolucion guadalupe guadalupana virgen inocentes santa todos"
)
_KEPT = listed("el la los las de del que y a en por ya como con al se un una lo no va van mas casi unos unas")

_PAST = re.compile(
    r"\b(?:desde|hubo|habia|era|eran|fue|fui|fuimos|fueron|tenia|teniamos|tocaba|estaba|estuvo|iba|iban|ibamos|debia|"
    r"\w{2,}(?:aron|ieron|aban|ian|amos|imos)|dio|di|dije|dijo|llego|paso(?! (?:por|a)\b)|mando|nego|entrego|surtio|"
    r"cancelo|quedo|hable|lleve|done|fallo|llevo|llevamos|desde|hace|habian|pasado|pasada|"
    r"no ha|no han|ya va|todavia no|hemos|he|ha|han)\b"
)
_FUTURE = re.compile(
    r"\b(?:para|hasta|va a|van a|voy a|vamos a|ira|sera|seran|tendra|proximo|proxima|viene|entrante|siguiente|"
    r"voy|vengo|vuelvo|salgo|recojo|paso (?:por|a)|dono|donan|vence|vencen|caduca|caducan|"
    r"toca|tocan|es|llega|llegan|entregan|surten|quiero|quisiera|quisieramos|puedo|puede|podemos|podria|podrian|"
    r"tengo|tiene|tenemos|hay que|"
    r"agendar|apartar|programar|programada|programado|reagendar|cambiar|mover|pasar|ir|donar|confirmar|"
    r"ocupo|necesito|necesita|necesitamos|operan|opera|aplican|internan|atienden|habra|"
    r"\w{3,}(?:aran|eran|iran)|"
    r"vaya|vayan|vayamos|venga|vengan|vengamos|regrese|regresen|regresemos|vuelva|vuelvan|volvamos|"
    r"mejor|le queda|abren|puedan|alcanza)\b"
)
_PAST_LOOKALIKE = listed(
    "eran fueran esperan operan vamos podemos tenemos queremos estamos somos necesitamos ocupamos llevamos "
    "vayamos vengamos traigamos hagamos podamos tengamos"
)


def read_date(value: str, now: datetime, context: str = "") -> date | None:
    """The day that `value` means, or None. `context`, the whole message, tells past from future.

    A week, fortnight or month is given by its first day ("la semana pasada", "desde octubre").
    """
    today = now.date()
    text = _canonical(value)
    if not text:
        return None
    tense = _tense(text, value, context)
    for rule in (_numeric, _day_and_month, _feast, _relative, _weekday, _week, _month, _day_of_month):
        try:
            found = rule(text, today, tense)
        except (ValueError, OverflowError):  # the 31st of a month of 30, a year out of the calendar
            return None
        if found:
            return found
    return None


# ---- spelling


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, str]:
    known = {
        sound(word): word for word in [*_WEEKDAYS, *_MONTHS, *sorted(_OTHER), *sorted(_FEAST_WORDS), *sorted(_KEPT)]
    }
    return {sound(short): word for short, word in _ABBREVIATIONS.items()} | known


@lru_cache(maxsize=4096)
def _canonical(value: str) -> str:
    """The value in plain words of the grammar, numbers as digits."""
    value = re.sub(r"(?<=\d)(?:ro|do|er|o|°|º)\b", "", value.lower())
    if _NUMERIC.search(value):
        return value.strip()
    found = with_numbers(words(value))
    return " ".join(_word(word.plain, word.key) for word in found)


def _word(written: str, key: str) -> str:
    if written.isdigit() or key.isdigit():
        return key
    vocabulary = _vocabulary()
    for spelled in (_ABBREVIATIONS.get(written), vocabulary.get(key)):
        if spelled:
            return spelled
    if len(key) >= 5:
        near = process.extractOne(key, list(vocabulary), scorer=fuzz.ratio, score_cutoff=80)
        if near and len(near[0]) >= 4:
            return vocabulary[near[0]]
    return written


# ---- past or future


def _tense(text: str, value: str, context: str) -> Tense | None:
    """What the value itself says, else the verb nearest to it in the message."""
    own = _own_tense(text)
    if own or not context:
        return own
    message, piece = plain(context), plain(value)
    at = message.find(piece)
    if at < 0:
        return _nearest(message, len(message))
    around = _canonical(message[:at][-14:]).split()[-2:] if at else []
    if around and around[-1] in ("para", "hasta", "proximo", "siguiente"):
        return "future"
    if around and around[-1] == "desde":
        return "past"
    after = message[at + len(piece) :][:16]
    if re.match(r"\s*(?:que|q|k|ke)\s+b?v?iene|\s*pr[oó]xim|\s*pa(?:ra)?\s+(?:la|su|el|mi)\b", after):
        return "future"  # "me dieron 2 de diciembre para la cita"
    if re.match(r"\s*(?:pasad[oa]|antepasad[oa])\b", after):
        return "past"
    return _nearest(message[:at] + " " * len(piece) + message[at + len(piece) :], at)


def _own_tense(text: str) -> Tense | None:
    if re.search(r"\b(?:para|proxim[oa]|viene|entra|entrante|siguiente|hasta|dentro)\b", text):
        return "future"
    if re.search(r"\b(?:desde|pasad[oa]|antepasad[oa]|hace|ultimo)\b", text):
        return "past"
    return None


def _nearest(message: str, at: int) -> Tense | None:
    best: tuple[float, Tense] | None = None
    for tense, pattern in (("past", _PAST), ("future", _FUTURE)):
        for match in pattern.finditer(message):
            if tense == "past" and match.group() in _PAST_LOOKALIKE:
                continue
            # What stands before a date governs it more than what comes after.
            distance = at - match.end() if match.end() <= at else (match.start() - at) * 1.5 + 10
            if best is None or distance < best[0]:
                best = (distance, "past" if tense == "past" else "future")
    return best[1] if best else None


# ---- the grammar: each rule reads one way of saying a day

_NUMERIC = re.compile(
    r"\b(?:(?P<iso_year>20\d\d)-(?P<iso_month>\d{1,2})-(?P<iso_day>\d{1,2})"
    r"|(?P<day>\d{1,2})\s*[/\-.]\s*(?P<month>\d{1,2})(?:\s*[/\-.]\s*(?P<year>(?:20)?\d\d))?)\b"
)
_LONG_AGO, _SOON = 180, 90  # days: nobody writes today of what was so long ago without saying the year
_NEAR = 62
_MONTH_NAMES = "|".join(_MONTHS)
_WEEKDAY_NAMES = "|".join(_WEEKDAYS)


def _numeric(text: str, today: date, tense: Tense | None) -> date | None:
    match = _NUMERIC.search(text)
    if not match:
        return None
    if match["iso_year"]:
        return date(int(match["iso_year"]), int(match["iso_month"]), int(match["iso_day"]))
    year = int(match["year"]) if match["year"] else None
    if year is not None and year < 100:
        year += 2000
    own = _own_tense(_spelled(text)) or tense
    return _in_year(int(match["day"]), int(match["month"]), year, today, own)


def _spelled(text: str) -> str:
    return " ".join(_word(word.plain, word.key) for word in words(text))


def _day_and_month(text: str, today: date, tense: Tense | None) -> date | None:
    text = re.sub(
        r"\b(\d{1,2}) (?:al?|y|o) \d{1,2} (?=de )", r"\1 ", text
    )  # "del 3 al 8 de noviembre" starts on the 3rd
    match = re.search(
        rf"\b(?P<day>\d{{1,2}}|primero|primer)\s+(?:de(?:l mes de)?\s+)?(?P<month>{_MONTH_NAMES})"
        r"(?:\s+del?\s+(?P<year>20\d\d|\d\d|ano pasado|proximo ano|este ano)|\s+(?P<bare>20\d\d))?",
        text,
    ) or re.search(
        rf"\b(?P<month>{_MONTH_NAMES})\s+(?P<day>\d{{1,2}}|primero)\b(?:\s+(?:del?\s+)?(?P<year>20\d\d))?(?P<bare>)",
        text,
    )
    if not match:
        return None
    day = 1 if match["day"].startswith("prim") else int(match["day"])
    year = {"ano pasado": today.year - 1, "proximo ano": today.year + 1, "este ano": today.year}.get(
        match["year"] or ""
    )
    written = match["year"] or match["bare"]
    if year is None and written and written.isdigit():
        year = int(written) + (2000 if int(written) < 100 else 0)
    return _in_year(day, _MONTHS.index(match["month"]) + 1, year, today, tense)


_FEASTS = {
    "navidad": (12, 25), "noche ?buena": (12, 24), "ano nuevo": (1, 1), "reyes": (1, 6), "candelaria": (2, 2),
    "san valentin": (2, 14), "dia del nino": (4, 30), "dia de las madres": (5, 10), "dia del maestro": (5, 15),
    "el grito": (9, 15), "independencia": (9, 16), "fiestas patrias": (9, 16), "todos (?:los )?santos": (11, 1),
    "muertos": (11, 2), "difuntos": (11, 2), "revolucion": (11, 20), "guadalupe|guadalupana": (12, 12),
    "dia de la virgen": (12, 12), "inocentes": (12, 28),
}  # fmt: skip


def _feast(text: str, today: date, tense: Tense | None) -> date | None:
    if re.search(r"\b(?:antes|despues)\b", text):
        return None
    for feast, (month, day) in _FEASTS.items():
        if re.search(rf"\b(?:{feast})\b", text):
            return _in_year(day, month, None, today, tense)
    if re.search(r"\bsemana santa\b", text):
        mondays = [_easter(today.year + step) - timedelta(days=6) for step in (-1, 0, 1)]
        past = max(monday for monday in mondays if monday <= today)
        future = min(monday for monday in mondays if monday >= today)
        return {"past": past, "future": future}.get(tense or "") or _likelier(past, future, today)
    return None


def _easter(year: int) -> date:
    """Easter Sunday (Gauss's rule as Butcher wrote it down)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    month, day = divmod(d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114, 31)
    return date(year, month, day + 1)


def _in_year(day: int, month: int, year: int | None, today: date, tense: Tense | None) -> date:
    if year is not None:
        return date(year, month, day)
    options = [option for step in (-1, 0, 1) if (option := _valid(today.year + step, month, day))]
    if not options:
        raise ValueError("no such day")
    past = max((option for option in options if option <= today), default=options[0])
    future = min((option for option in options if option >= today), default=options[-1])
    if tense == "past":
        return past
    if tense == "future":
        return future
    return _likelier(past, future, today)


def _likelier(past: date, future: date, today: date) -> date:
    """Reports look back, unless the day was long ago and comes again soon."""
    return future if (today - past).days > _LONG_AGO and (future - today).days < _SOON else past


def _relative(text: str, today: date, tense: Tense | None) -> date | None:
    weekday_said = re.search(rf"\b(?:{_WEEKDAY_NAMES})\b", text)
    if re.search(r"\b(?:antier|anteayer|antenoche|anteanoche|ante (?:ayer|noche)|antes de ayer)\b", text):
        return today - timedelta(days=2)
    if re.search(r"\btras ?antier\b", text):
        return today - timedelta(days=3)
    if re.search(r"\b(?:ayer|anoche)\b", text):
        return today - timedelta(days=1)
    if re.search(r"\bpasado ?manana\b", text):
        return today + timedelta(days=2)
    if span := _span_of_time(text, today, tense):
        return span
    if re.search(r"\b(?:hoy|ahorita|ahora)\b", text):
        return today
    tomorrow = today + timedelta(days=1)
    if re.search(r"(?<!\bla )(?<!\besta )\bmanana\b", text) and (
        not weekday_said or weekday_said.group() == _WEEKDAYS[tomorrow.weekday()]
    ):
        return tomorrow  # "mañana lunes"
    if re.search(r"\best[ae] (?:misma )?(?:manana|tarde|noche|madrugada)\b", text):
        return today
    return None


def _span_of_time(text: str, today: date, tense: Tense | None) -> date | None:
    """ "hace 3 semanas", "en 8 días", "de hoy en ocho", "dos meses" (back, unless something says ahead)."""
    if re.search(r"\bhoy en (?:8|ocho)\b", text):
        return today + timedelta(days=7)
    if re.search(r"\bhoy en (?:15|quince)\b", text):
        return today + timedelta(days=14)
    match = re.search(
        r"\b(?:(?P<number>\d+)|(?P<pair>par de)|(?P<half>medi[oa]))\s*"
        r"(?P<unit>minutos?|horas?|dias?|semanas?|quincenas?|mes(?:es)?|anos?)(?P<and_half> y medi[oa])?\b",
        text,
    )
    if not match:
        match = re.search(
            r"^(?:hace\s+)?(?:casi\s+)?(?P<number>)(?P<pair>)(?P<half>)(?P<unit>mes)(?P<and_half> y medi[oa])\b", text
        )
    if not match:
        match = re.search(
            r"\bhace\s+(?P<number>)(?P<pair>)(?P<half>)(?P<unit>semana|mes|ano)(?P<and_half> y medi[oa])?\b", text
        )
    if not match:
        return None
    count = int(match["number"] or (2 if match["pair"] else 1))
    unit = match["unit"]
    ahead = bool(re.search(r"\b(?:dentro de|en|de aqui a|faltan?|para|proximos?)\b(?=.*\d)", text)) and not re.search(
        r"\bhace\b", text
    )
    if re.search(r"\bantes\b|\bhace\b|\bllev|\bdesde\b|\bvan? (?:a|para)\b", text):
        ahead = False  # "van para dos meses"
    elif tense == "future" and not re.search(r"\b(?:llev\w+|van?|ya)\b", text):
        ahead = True
    sign = 1 if ahead else -1
    if unit.startswith("minuto"):
        return today
    if unit.startswith("hora"):
        return today + timedelta(days=sign * (count // 24))
    if unit.startswith("dia"):
        return today + timedelta(days=sign * count)
    if unit.startswith("semana"):
        return today + timedelta(days=sign * (7 * count + (3 if match["and_half"] else 0)))
    if unit.startswith("quincena"):
        return today + timedelta(days=sign * 15 * count)
    months = count if unit.startswith("mes") else 12 * count
    if match["half"]:
        return today + timedelta(days=sign * (15 if unit.startswith("mes") else 182))
    extra = (15 if unit.startswith("mes") else 182) if match["and_half"] else 0
    return _months_away(today, sign * months) + timedelta(days=sign * extra)


def _weekday(text: str, today: date, tense: Tense | None) -> date | None:
    match = re.search(rf"\b({_WEEKDAY_NAMES})\b", text)
    if not match:
        return None
    wanted = _WEEKDAYS.index(match.group(1))
    if day := re.search(r"\b(\d{1,2})\b(?!\s*(?:de la|am|pm|hrs))", text[match.end() :][:8]):
        return _weekday_and_day(wanted, int(day.group(1)), today, tense)
    if week := re.search(r"\b(?:de|en) (?:la|esta) .*semana.*|\besta semana\b", text):
        start = _week(week.group(), today, tense)
        if start:
            return start + timedelta(days=wanted)
    if re.search(r"\bante ?pasad", text):
        return _last(today, wanted) - timedelta(days=7)
    if re.search(r"\b(?:otro|otra)\b", text) and tense != "past":
        return _week_start(today) + timedelta(days=7 + wanted)
    if re.search(r"\beste\b", text) and tense != "past":
        return _next(today, wanted, today_counts=True)
    if tense == "future":
        return _next(today, wanted, today_counts=False)
    return _last(today, wanted)


def _weekday_and_day(weekday: int, day: int, today: date, tense: Tense | None) -> date | None:
    """ "el lunes 16": the nearest 16th that is a Monday, or the nearest 16th when none is."""
    months = [_months_away(today.replace(day=1), step) for step in range(-11, 12)]
    options = [option for month in months if (option := _valid(month.year, month.month, day))]
    fitting = [option for option in options if option.weekday() == weekday] or options
    near = [option for option in fitting if abs((option - today).days) <= _NEAR]  # else the month would have been said
    if tense == "past":
        fitting = [option for option in near if option <= today] or fitting
    if tense == "future":
        fitting = [option for option in near if option >= today] or fitting
    return min(fitting, key=lambda option: abs((option - today).days), default=None)


def _week(text: str, today: date, tense: Tense | None) -> date | None:
    if re.search(r"\bfin(?:de)?\b(?: de semana)?|\bfinde\b", text) and not re.search(
        r"\b(?:mes|ano|quincena)\b|" + _MONTH_NAMES, text
    ):
        saturday = _week_start(today) + timedelta(days=5)
        if re.search(r"\bpasado\b", text) or (tense == "past" and not re.search(r"\beste\b", text)):
            return saturday - timedelta(days=7)
        if re.search(r"\b(?:otro|proximo|viene|siguiente)\b", text) and today.weekday() >= 5:
            return saturday + timedelta(days=7)
        return saturday
    if "quincena" in text:
        return _fortnight(text, today)
    if "semana" not in text:
        return None
    start = _week_start(today)
    if re.search(r"\bantepasada\b", text):
        return start - timedelta(days=14)
    if re.search(r"\bpasada\b|\bultima\b", text):
        return start - timedelta(days=7)
    if re.search(r"\b(?:proxim[oa]|viene|entra|entrante|siguiente)\b", text):
        return start + timedelta(days=7)
    if re.search(r"\botra\b", text):
        return start + timedelta(days=-7 if tense == "past" else 7)
    if re.search(r"\besta\b", text):
        return start
    return None


def _fortnight(text: str, today: date) -> date | None:
    """The first day of a half of a month, as people are paid: the 1st or the 16th."""
    this = today.replace(day=1 if today.day < 16 else 16)
    if re.search(r"\bpasada\b|\bultima\b", text):
        return this.replace(day=1) if this.day == 16 else _months_away(this, -1).replace(day=16)
    if re.search(r"\b(?:proxim[oa]|viene|entra|entrante|siguiente|otra)\b", text):
        return this.replace(day=16) if this.day == 1 else _months_away(this.replace(day=1), 1)
    return this if re.search(r"\besta\b", text) else None


def _month(text: str, today: date, tense: Tense | None) -> date | None:
    first = _month_spoken_of(text, today, tense)
    if first is None:
        return None
    if re.search(r"\b(?:fin|fines|finales|ultimo)\b", text):
        return first.replace(day=calendar.monthrange(first.year, first.month)[1])
    if re.search(r"\bmediados\b", text):
        return first.replace(day=15)
    day = re.search(r"\b(\d{1,2}|primero)\b", text)
    if day and "mes" in text:
        return first.replace(day=1 if day.group(1) == "primero" else int(day.group(1)))
    return first


def _month_spoken_of(text: str, today: date, tense: Tense | None) -> date | None:
    """The first day of the month that is named ("octubre", "el mes pasado", "fin de mes")."""
    this = today.replace(day=1)
    if match := re.search(rf"\b({_MONTH_NAMES})\b(?:\s+(?:del?\s+)?(?P<year>20\d\d|ano pasado))?", text):
        month = _MONTHS.index(match.group(1)) + 1
        if match["year"]:
            return date(today.year - 1 if match["year"] == "ano pasado" else int(match["year"]), month, 1)
        past = date(today.year - (month > today.month), month, 1)
        future = date(today.year + (month < today.month), month, 1)
        if tense is None:
            return _likelier(past, future, today)
        return past if tense == "past" else future
    if match := re.search(r"(?:^|\b(?:en|de|del|desde)\s+)(20\d\d)$", text):
        return date(int(match.group(1)), 1, 1)
    if re.search(r"\bano pasado\b", text):
        return date(today.year - 1, 1, 1)
    if re.search(r"\bproximo ano\b|\bano (?:proximo|que viene|entrante)\b", text):
        return date(today.year + 1, 1, 1)
    if re.search(r"\b(?:este|principios? de|inicios? de) ano\b", text):
        return date(today.year, 1, 1)
    if re.search(r"\b(?:fin|fines|finales) de ano\b", text):
        return date(today.year, 12, 1)
    if not re.search(r"\bmes\b|\bdel (?:presente|corriente)\b|\bdia ultimo\b", text):
        return None
    if re.search(r"\bantepasado\b", text):
        return _months_away(this, -2)
    if re.search(r"\bpasado\b", text):
        return _months_away(this, -1)
    if re.search(r"\b(?:proximo|viene|entra|entrante|siguiente)\b", text) or (
        re.search(r"\botro mes\b", text) and tense != "past"
    ):
        return _months_away(this, 1)
    if re.search(r"\botro mes\b", text):
        return _months_away(this, -1)
    if re.search(
        r"\b(?:este|fin|fines|finales|mediados|principios?|inicios?|presente|corriente|ultimo)\b|\bde mes\b", text
    ):
        return this
    return None


def _day_of_month(text: str, today: date, tense: Tense | None) -> date | None:
    match = re.search(r"\b(?:el|dia|del|desde|para|hasta|al)\s+(?:dia\s+)?(\d{1,2}|primero)\b", text) or re.fullmatch(
        r"(\d{1,2})", text
    )
    if not match:
        return None
    day = 1 if match.group(1) == "primero" else int(match.group(1))
    this = today.replace(day=1)
    options = [
        option
        for step in range(-2, 3)
        if (month := _months_away(this, step)) and (option := _valid(month.year, month.month, day))
    ]
    past = max((option for option in options if option <= today), default=None)
    future = min((option for option in options if option >= today), default=None)
    if tense is None and past and future and (today - past).days > 21 and (future - today).days <= 7:
        return future  # on the 22nd "el 24" is this month's
    return future if tense == "future" else past


# ---- calendar


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _months_away(day: date, months: int) -> date:
    """The same day so many months away, or that month's last one."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _week_start(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _last(today: date, weekday: int) -> date:
    """The last such day before today."""
    return today - timedelta(days=(today.weekday() - weekday - 1) % 7 + 1)


def _next(today: date, weekday: int, *, today_counts: bool) -> date:
    days = (weekday - today.weekday()) % 7
    return today + timedelta(days=days if days or today_counts else 7)


# ---- hours

_PART_AFTERNOON = re.compile(r"\b(?:tarde|tardes|tardecita|pm|p m)\b")
_PART_NIGHT = re.compile(r"\b(?:noche|nochecita)\b")
_PART_MORNING = re.compile(r"\b(?:manana|mananita|madrugada|am|a m|amanecer)\b")
_HOUR = re.compile(r"(?<!\d)(?P<hour>[01]?\d|2[0-4])(?:\s*[:.h]\s*(?P<minute>[0-5]\d))?(?!\d)")


def read_time(value: str, context: str = "") -> time | None:
    """The hour that `value` means, or None when only a part of the day is named ("en la tarde").

    An hour without its part of the day is taken within office hours: "a las 5" is 17:00, "a las 9" is 09:00.
    """
    spelled = " ".join(_time_word(word.plain, word.key) for word in with_numbers(words(value)))
    clock = (
        re.sub(r"\s*[:.]\s*(?=[0-5]\d\b)", ":", plain(value))
        if re.search(r"\d\s*[:.h]\s*[0-5]\d", plain(value))
        else None
    )
    if re.search(r"\bmedio ?dia\b", spelled):
        return time(12)
    if re.search(r"\bmedia ?noche\b", spelled):
        return time(0)
    spelled = re.sub(r"\bentre (?:las? )?(\d+) y (?:las? )?\d+\b", r"\1", spelled)
    spelled = re.sub(r"\b([1-9])([0-5]\d)\b(?! h)", r"\1:\2", spelled)  # "ocho treinta"
    return _clock(clock or spelled, spelled, context)


def _clock(text: str, spelled: str, context: str) -> time | None:
    minute: int | None = None
    if match := re.search(r"\b(cuarto|\d{1,2}) para la?s? ?(\d{1,2})\b", spelled):
        before = 15 if match.group(1) == "cuarto" else int(match.group(1))
        hour, minute = int(match.group(2)), 60 - before
        hour = _with_part(hour, spelled, context)
        return time((hour - 1) % 24, minute) if 0 < before < 60 else None
    if match := re.search(r"(?<![\d:])([01]\d|2[0-3])([0-5]\d)\s*(?:h|hrs|horas)\b", spelled):
        return time(int(match.group(1)), int(match.group(2)))
    found = _HOUR.search(text)
    if not found:
        return None
    hour = int(found["hour"])
    if found["minute"]:
        minute = int(found["minute"])
    elif re.search(r"\by media\b", spelled):
        minute = 30
    elif re.search(r"\by cuarto\b", spelled):
        minute = 15
    elif match := re.search(r"\b\d{1,2} y (\d{1,2})\b|\b\d{1,2} (?:con )?([0-5]\d)\b", spelled):
        minute = int(match.group(1) or match.group(2))
    if (minute or 0) > 59:
        return None
    if re.search(r"\b(?:hrs?|horas|h)\b", spelled) and not _has_part(spelled):
        return time(hour % 24, minute or 0)
    leading_zero = found["hour"].startswith("0")
    return time(hour % 24 if leading_zero else _with_part(hour, spelled, context), minute or 0)


def _has_part(spelled: str) -> bool:
    return bool(_PART_AFTERNOON.search(spelled) or _PART_NIGHT.search(spelled) or _PART_MORNING.search(spelled))


def _with_part(hour: int, spelled: str, context: str) -> int:
    """The hour of 24 when only twelve were said."""
    if hour > 12:
        return hour % 24
    part = spelled if _has_part(spelled) else _part_near(context)
    if _PART_NIGHT.search(part):
        return 0 if hour == 12 else hour + 12 if hour >= 6 else hour
    if _PART_AFTERNOON.search(part):
        return 12 if hour == 12 else hour + 12
    if _PART_MORNING.search(part):
        return 0 if hour == 12 and re.search(r"am|a m|madrugada", part) else hour
    return hour + 12 if 1 <= hour <= 6 else hour


def _part_near(context: str) -> str:
    match = re.search(r"\b(?:de|por|en) la (?:tarde|noche|madrugada)\b", plain(context))
    return match.group() if match else ""


_TIME_WORDS = {
    "medio": "medio", "media": "media", "cuarto": "cuarto", "manana": "manana", "tarde": "tarde", "noche": "noche",
    "madrugada": "madrugada", "dia": "dia", "mediodia": "mediodia", "medianoche": "medianoche",
    "para": "para", "pa": "para",
    "y": "y", "i": "y", "las": "las", "la": "la", "de": "de", "pm": "pm", "am": "am", "hrs": "hrs", "horas": "horas",
    "punto": "punto",
}  # fmt: skip


def _time_word(written: str, key: str) -> str:
    if key.isdigit():
        return key
    by_sound = {sound(word): canonical for word, canonical in _TIME_WORDS.items()}
    if key in by_sound:
        return by_sound[key]
    near = process.extractOne(key, [word for word in by_sound if len(word) >= 5], scorer=fuzz.ratio, score_cutoff=82)
    return by_sound[near[0]] if near and len(key) >= 4 else written
