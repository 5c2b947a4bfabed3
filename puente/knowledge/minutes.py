"""Past meetings with mothers and fathers, what was said and what was agreed: as far as the public notes say.

Agreements have an area, a date and a state; no person is named. What the notes do not say is not guessed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import msgspec

from puente.areas.names import area_name
from puente.knowledge import entries
from puente.knowledge.dates import read_date
from puente.knowledge.finder import Finder
from puente.knowledge.spelling import plain, with_numbers, words

FILE = "minutas.yml"
AgreementState = Literal["acordado", "en_seguimiento", "sin_dato"]
_STATES: Mapping[AgreementState, str] = {
    "acordado": "acordado",
    "en_seguimiento": "en seguimiento, hasta donde dicen las notas",
    "sin_dato": "acordado; no tengo noticia de en qué quedó",
}
NOT_FOUND = (
    "No encontré eso en las minutas que tengo, y no quiero inventarle. Si quiere, paso su petición a Transparencia "
    "para que la busquen."
)


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that was reported at a meeting."""

    id: str
    texto: str
    area: str
    palabras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """Something that was promised. `area_en_la_nota`: the note names who; otherwise it is who sees that matter."""

    id: str
    texto: str
    area: str
    area_en_la_nota: bool
    estado: AgreementState
    despues: str = ""
    palabras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting, from its public note."""

    id: str
    numero: int
    fecha: date | None
    fecha_dicha: str
    fuente: str
    referencia: str
    resumen: str
    temas: tuple[Topic, ...]
    acuerdos: tuple[Agreement, ...]

    @property
    def name(self) -> str:
        return f"{self.numero}.ª reunión ({self.fecha_dicha})"


@dataclass(frozen=True, slots=True)
class Hit:
    """A matter of a meeting that was looked for: something reported, or an agreement."""

    meeting: Meeting
    topic: Topic | None = None
    agreement: Agreement | None = None

    def text(self) -> str:
        """The finding in two or three lines."""
        if self.agreement:
            return _agreement_text(self.agreement, self.meeting)
        assert self.topic is not None
        return f"• {self.topic.texto} _({self.meeting.name})_"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found. `asked_meeting`: the number that was asked for; `meeting` is it, when we have it."""

    hits: tuple[Hit, ...] = ()
    meeting: Meeting | None = None
    asked_meeting: int | None = None
    not_held: str = ""  # the meeting or date that was asked for and is not here, in words
    everything: bool = field(default=False)  # she asked for the minutes in general

    @property
    def known(self) -> bool:
        return bool(self.hits or self.meeting or self.everything)

    def text(self) -> str:
        """The answer as it is sent, with its source."""
        if self.not_held:
            return f"No tengo la minuta de {self.not_held}. {_which_are_held()}"
        if self.hits:
            sources = dict.fromkeys(hit.meeting.fuente for hit in self.hits)
            return "\n\n".join([*(hit.text() for hit in self.hits), f"_Fuente: {'; '.join(sources)}._"])
        if self.meeting:
            return meeting_text(self.meeting)
        return _which_are_held() if self.everything else NOT_FOUND


def meetings() -> tuple[Meeting, ...]:
    """The meetings that are known, the newest first."""
    known = entries.read_again(entries.DIRECTORY / FILE, _read)
    return tuple(sorted(known, key=lambda meeting: -meeting.numero))


def meeting(number: int) -> Meeting | None:
    """One meeting by its number."""
    return next((known for known in meetings() if known.numero == number), None)


def agreements(*, area: str | None = None, state: AgreementState | None = None) -> tuple[Hit, ...]:
    """The agreements of every meeting, the newest first."""
    return tuple(
        Hit(known, agreement=agreement)
        for known in meetings()
        for agreement in known.acuerdos
        if (area is None or agreement.area == area) and (state is None or agreement.estado == state)
    )


def search(question: str, now: datetime, count: int = 3) -> Found:
    """What the minutes say about a question in plain words; by number or date of the meeting too."""
    number = _meeting_number(question)
    held = meeting(number) if number else None
    if number and held is None:
        return Found(asked_meeting=number, not_held=f"la {number}.ª reunión")
    if not number and (day := _day_asked(question, now)):
        held = _meeting_of(day)
        if held is None:
            return Found(not_held=day.said)
    hits = [hit for hit in _find(question, count * 3) if held is None or hit.meeting.id == held.id][:count]
    if "acuerd" in plain(question) and any(hit.agreement for hit in hits):
        hits = [hit for hit in hits if hit.agreement]
    if hits:
        return Found(tuple(hits), held, number)
    return Found(meeting=held, asked_meeting=number, everything=held is None and _asks_in_general(question))


def meeting_text(held: Meeting) -> str:
    """A meeting with its agreements, or an honest word when they are not known."""
    agreed = "\n".join(_agreement_text(agreement) for agreement in held.acuerdos)
    body = f"Acuerdos:\n{agreed}" if agreed else "No tengo sus acuerdos."
    return f"*{held.name[0].upper()}{held.name[1:]}*\n{held.resumen}\n\n{body}\n\n_Fuente: {held.fuente}._"


# ---- searching


def _find(question: str, count: int) -> list[Hit]:
    hits = _all_hits()
    asked = re.sub(r"\b(?:minutas?|acuerdos?|reuni[oó]n\w*|juntas?|sesi[oó]n\w*)\b", " ", question, flags=re.IGNORECASE)
    if not asked.strip() or re.fullmatch(r"\W*", asked):
        return []
    asked = question if re.search(r"transparencia|public|portal|escanea|extraordinaria", plain(question)) else asked
    return [hits[match.id] for match in _finder(hits).find(asked, count, also=_ALSO)]


def _all_hits() -> dict[str, Hit]:
    hits: dict[str, Hit] = {}
    for known in meetings():
        hits |= {agreement.id: Hit(known, agreement=agreement) for agreement in known.acuerdos}
        hits |= {topic.id: Hit(known, topic=topic) for topic in known.temas}
    return hits


_ALSO = 0.7  # a matter comes back at several meetings
_built: tuple[tuple[str, ...], Finder] | None = None


def _finder(hits: Mapping[str, Hit]) -> Finder:
    global _built
    content = tuple(f"{id}:{_texts(hit)}" for id, hit in hits.items())
    if _built is None or _built[0] != content:
        _built = (content, Finder({id: _texts(hit) for id, hit in hits.items()}))
    return _built[1]


def _texts(hit: Hit) -> tuple[str, ...]:
    """What a matter can be found by: each of its words, and two of them together."""
    item = hit.agreement or hit.topic
    assert item is not None
    return (*item.palabras, *(" ".join(pair) for pair in zip(item.palabras, item.palabras[1:], strict=False)))


_ORDINALS = {
    "cuadragesima quinta": 45, "cuadragesima octava": 48, "quincuagesima tercera": 53,
}  # fmt: skip


def _meeting_number(question: str) -> int | None:
    said = " ".join(word.key if word.key.isdigit() else word.plain for word in with_numbers(words(question)))
    for spoken, number in _ORDINALS.items():
        if spoken in said:
            return number
    found = re.search(
        r"\b(?:minuta|reunion|junta|sesion|acta)(?: (?:de|la|numero|no|num|n|del))* (\d{1,3})\b(?! de)", said
    )
    found = found or re.search(r"\b(?:acuerdos?) (?:de|d) la (?:reunion )?(\d{1,3})\b(?! de)", said)
    found = found or re.search(r"\b(\d{1,3}) ?(?:a|ª)? (?:reunion|sesion|minuta)\b", said)
    # "Los de la 45" alone; in a longer message "la 48" is a hospital.
    found = found or re.fullmatch(r"(?:y )?(?:(?:los?|las?) )?(?:de |d )?la (\d{2,3})", said)
    return int(found.group(1)) if found else None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A date that a question names: `whole` with its day; the year only when it was said."""

    day: date
    whole: bool
    year: int | None

    @property
    def said(self) -> str:
        date_said = entries.long_date(self.day)
        return date_said if self.whole else date_said.split(" de ", 1)[1]


_MONTHS = (
    r"(?:ener|febrer|mar[zs]o|abril|mayo|junio|julio|agosto|septiem|setiem|octubre|otubre|noviem|diciem|"
    r"\bene\b|\bago\b|\bsep\b|\boct\b|\bnov\b|\bdic\b)"
)


def _day_asked(question: str, now: datetime) -> _Asked | None:
    """The date that a question names; "la última" or a bare weekday names none that we know."""
    said = plain(question)
    dated = re.search(rf"(?:\b\d{{1,2}} (?:de |d )?)?{_MONTHS}\w*(?: (?:del? |d )?20\d\d)?|\d+/\d+/\d+", said)
    day = read_date(dated.group(), now, context="hubo") if dated else None
    if dated is None or day is None:
        return None
    year = re.search(r"\b20\d\d\b", dated.group())
    whole = bool(re.match(r"\d{1,2}\b", dated.group()))
    return _Asked(day, whole, int(year.group()) if year else None)


def _meeting_of(asked: _Asked) -> Meeting | None:
    """The meeting of that date; a month alone fits any of its days."""
    for known in meetings():
        held = known.fecha
        if (
            held
            and held.month == asked.day.month
            and (not asked.whole or held.day == asked.day.day)
            and (asked.year in (None, held.year))
        ):
            return known
    return None


def _asks_in_general(question: str) -> bool:
    return bool(re.search(r"\b(?:minut|acuerd|reunion|junta|sesion)", plain(question)))


def _which_are_held() -> str:
    known = ", ".join(f"{held.numero}.ª ({held.fecha_dicha})" for held in reversed(meetings()))
    return (
        f"Tengo lo que dicen las notas públicas de estas reuniones: {known}. Dígame de cuál o de qué tema quiere "
        "saber; si busca otra, paso su petición a Transparencia."
    )


def _agreement_text(agreement: Agreement, of: Meeting | None = None) -> str:
    where = f"\n  Reunión: {of.name}" if of else ""
    named = "" if agreement.area_en_la_nota else " (por el asunto; la nota no nombra responsable)"
    later = f"\n  Después: {agreement.despues}" if agreement.despues else ""
    return (
        f"• {agreement.texto}{where}\n  Área: {area_name(agreement.area)}{named}"
        f"\n  Estado: {_STATES[agreement.estado]}{later}"
    )


def _read(path: Path) -> tuple[Meeting, ...]:
    raw = entries.parse(path).get("reuniones") or []
    try:
        return tuple(msgspec.convert(entry, type=Meeting) for entry in raw)
    except msgspec.ValidationError as error:
        raise entries.KnowledgeError(f"{path.name}: {error}") from error
