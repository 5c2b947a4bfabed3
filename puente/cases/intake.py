"""Taking down a case in conversation: what is known, what to ask next, what the last message changed.

Pure logic without database, HTTP or dialogue engine. `Intake` is the whole state, as plain JSON between messages.
"""

import re
import unicodedata
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any

import yaml

from puente.knowledge import catalogs, resolve
from puente.settings import ROOT

CONFIRMATION, CORRECTION = "confirmacion", "correccion"
MISSES_BEFORE_MOVING_ON = 2
MAX_WORDS_KEPT = 6  # messages of the family that are kept as the case's detail


class Outcome(Enum):
    """What the conversation does next."""

    ASK = "ask"  # ask for `intake.asking`
    UNCLEAR = "unclear"  # the answer was not understood: ask for the same again, differently
    DIGRESSION = "digression"  # the message was about something else
    SEND = "send"  # confirmed: open the case
    CANCEL = "cancel"
    PERSON = "person"


@dataclass(frozen=True)
class FactType:
    """One kind of datum, from `data/catalogs/facts.yml`."""

    name: str
    label: str
    question: str
    clarification: str
    entity: str | None
    several: bool


@dataclass(frozen=True)
class Heard:
    """One message as the assistant understood it. `entities` are dicts with `entity` and `value`."""

    text: str
    intent: str
    confidence: float
    entities: tuple[dict[str, Any], ...] = ()


@dataclass
class Intake:
    """The state of one case being taken down."""

    kind: str
    facts: dict[str, Any] = field(default_factory=dict)  # resolved values; several-valued facts are lists
    said: dict[str, str] = field(default_factory=dict)  # the family's own words for each fact
    candidates: dict[str, list[str]] = field(default_factory=dict)  # facts with an honest doubt
    skipped: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    asking: str | None = None
    misses: int = 0

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Intake":
        return cls(**data)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@cache
def fact_types() -> dict[str, FactType]:
    """All data that can be asked for, by name."""
    with (ROOT / "data" / "catalogs" / "facts.yml").open(encoding="utf-8") as file:
        entries = yaml.safe_load(file)
    return {
        name: FactType(
            name,
            entry["etiqueta"],
            entry["pregunta"],
            entry["aclaracion"],
            entry.get("entidad"),
            entry.get("varios", False),
        )
        for name, entry in entries.items()
    }


def start(kind: str, heard: Heard, now: datetime) -> Intake:
    """A new case with everything that its first message already says."""
    intake = Intake(kind)
    _remember(intake, heard.text)
    _apply(intake, _found(intake, heard, now), heard)
    intake.asking = _next(intake)
    return intake


def consume(intake: Intake, heard: Heard, now: datetime) -> Outcome:
    """Take in one answer: changes `intake` and says what follows."""
    if heard.intent == "cancelar":
        return Outcome.CANCEL
    if heard.intent == "hablar_con_persona":
        return Outcome.PERSON
    if intake.asking in (CONFIRMATION, CORRECTION):
        return _at_the_summary(intake, heard, now)
    return _answer(intake, heard, now)


def summary(intake: Intake) -> list[tuple[str, str]]:
    """(label, value) of everything known, in the order of the kind's catalogue, for reading back."""
    lines = []
    for name in _known_facts(intake):
        value = intake.facts.get(name)
        if value:
            lines.append((fact_types()[name].label, show(name, value)))
        elif name in intake.skipped and name in catalogs.kinds()[intake.kind].required:
            lines.append((fact_types()[name].label, "no lo sé"))
    return lines


def show(name: str, value: Any) -> str:
    """A fact as a family reads it."""
    if isinstance(value, list):
        return ", ".join(value)
    if name == "fecha" and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        return spanish_date(date.fromisoformat(value))
    return str(value)


def spanish_date(day: date) -> str:
    """ "lunes 16 de noviembre"."""
    weekdays = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
    months = (
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    )
    return f"{weekdays[day.weekday()]} {day.day} de {months[day.month - 1]}"


def _answer(intake: Intake, heard: Heard, now: datetime) -> Outcome:
    asked = intake.asking or ""
    if chosen := _chosen(intake.candidates.get(asked, []), heard.text):
        _set(intake, asked, chosen, heard.text)
        return _go_on(intake, heard)
    found = _found(intake, heard, now)
    if found:
        _apply(intake, found, heard)
        return _go_on(intake, heard)
    if _does_not_know(heard):
        intake.skipped.append(asked)
        intake.candidates.pop(asked, None)
        return _go_on(intake, heard)
    if _is_about_something_else(intake, heard):
        return Outcome.DIGRESSION
    if value := _whole_text(asked, heard, now):
        _set(intake, asked, value, heard.text)
        return _go_on(intake, heard)
    intake.misses += 1
    if intake.misses >= MISSES_BEFORE_MOVING_ON:  # better a fact in her own words than a third question
        _set(intake, asked, [heard.text.strip()] if fact_types()[asked].several else heard.text.strip(), heard.text)
        return _go_on(intake, heard)
    return Outcome.UNCLEAR


def _at_the_summary(intake: Intake, heard: Heard, now: datetime) -> Outcome:
    found = _found(intake, heard, now)
    if found:
        _correct(intake, found, heard)
        return _go_on(intake, heard)
    if heard.intent in ("afirmar", "agradecimiento", "despedida") and intake.asking == CONFIRMATION:
        return Outcome.SEND
    if heard.intent == "negar" or _wants_to_correct(heard.text):
        intake.asking = CORRECTION
        return Outcome.ASK
    if _is_about_something_else(intake, heard):
        return Outcome.DIGRESSION
    if intake.asking == CORRECTION or heard.intent in ("informar", "agregar_a_caso"):
        _remember(intake, heard.text)
        intake.asking = CONFIRMATION
        return Outcome.ASK
    intake.misses += 1
    return Outcome.UNCLEAR


def _go_on(intake: Intake, heard: Heard) -> Outcome:
    _remember(intake, heard.text)
    intake.misses = 0
    intake.asking = _next(intake)
    return Outcome.ASK


def _next(intake: Intake) -> str:
    """The next thing to ask: an open doubt, a required fact, a helpful one, and at last the confirmation."""
    kind = catalogs.kinds()[intake.kind]
    for name in (*kind.required, *kind.helpful):
        if name in intake.candidates:
            return name
        if name not in intake.facts and name not in intake.skipped:
            return name
    return CONFIRMATION


def _known_facts(intake: Intake) -> list[str]:
    kind = catalogs.kinds()[intake.kind]
    named = [*kind.required, *kind.helpful]
    return [*named, *(name for name in intake.facts if name not in named)]


def _found(intake: Intake, heard: Heard, now: datetime) -> dict[str, Any]:
    """What the message's entities say: fact → value, list of values, or Doubt."""
    found: dict[str, Any] = {}
    for fact in fact_types().values():
        values = [str(entity["value"]) for entity in heard.entities if entity["entity"] == fact.entity]
        if not values or fact.entity is None:
            continue
        resolved = [resolve.resolve(fact.entity, value, now=now, context=heard.text) for value in values]
        if fact.several:
            names = [resolution.resolved or value.strip() for resolution, value in zip(resolved, values, strict=True)]
            found[fact.name] = list(dict.fromkeys(names))
        elif resolved[0].resolved:
            found[fact.name] = resolved[0].resolved
        elif resolved[0].candidates:
            found[fact.name] = Doubt(list(resolved[0].candidates), values[0])
        elif fact.name == intake.asking or fact.name in _known_facts(intake):
            found[fact.name] = values[0].strip()
    return found


@dataclass(frozen=True)
class Doubt:
    """Several catalogue entries that the family's words could mean."""

    candidates: list[str]
    said: str


def _apply(intake: Intake, found: dict[str, Any], heard: Heard) -> None:
    """Add what was found; several-valued facts grow, others are replaced (the latest word counts)."""
    for name, value in found.items():
        if isinstance(value, Doubt):
            intake.candidates[name] = value.candidates
            intake.said[name] = value.said
        elif isinstance(value, list):
            known = intake.facts.get(name, [])
            negated = _negated(value, heard)
            kept = [item for item in [*known, *value] if item not in negated]
            _set(intake, name, list(dict.fromkeys(kept)), heard.text)
        else:
            _set(intake, name, value, heard.text)


def _correct(intake: Intake, found: dict[str, Any], heard: Heard) -> None:
    """At the summary a new value replaces the old one, unless the family says that it comes in addition."""
    adds = re.search(r"\b(tambien|ademas|tampoco|y (falta|me falto|no hay)|agreg|falto|falta)", _plain(heard.text))
    for name, value in found.items():
        if isinstance(value, list) and not adds:
            intake.facts.pop(name, None)
    _apply(intake, found, heard)


def _negated(values: list[str], heard: Heard) -> list[str]:
    """Of several medicines named in one message, those that it takes back: "no es vincristina, es vinblastina"."""
    if len(values) < 2 and heard.intent != "negar":
        return []
    plain = _plain(heard.text)
    taken_back = []
    for value in values:
        said = [str(e["value"]) for e in heard.entities if e["entity"] == "medicamento"]
        for words in said:
            pattern = rf"\b(no (es|era|fue|son)|en (vez|lugar) de|quite|quita)( la| el)? {re.escape(_plain(words))}"
            if re.search(pattern, plain) and _same(words, value):
                taken_back.append(value)
    return taken_back


def _same(words: str, value: str) -> bool:
    resolution = resolve.resolve("medicamento", words, now=datetime(2000, 1, 1), context="")
    return value in (resolution.resolved, words.strip())


def _set(intake: Intake, name: str, value: Any, said: str) -> None:
    if fact_types()[name].several and isinstance(value, str):
        value = [value]
    intake.facts[name] = value
    intake.said[name] = said.strip()[:300]
    intake.candidates.pop(name, None)
    if name in intake.skipped:
        intake.skipped.remove(name)


def _whole_text(asked: str, heard: Heard, now: datetime) -> Any:
    """The answer as a whole, where no entity was found in it: resolved, or taken as it stands for free facts."""
    fact = fact_types()[asked]
    text = heard.text.strip()
    if fact.entity is None or fact.name == "paciente":
        return text or None
    resolution = resolve.resolve(fact.entity, text, now=now, context=text)
    return resolution.resolved


def _chosen(candidates: list[str], text: str) -> str | None:
    """The candidate that an answer picks: the button's full title, or the only one that has all its words."""
    answer = _plain(text).rstrip("….")
    if not candidates or not answer:
        return None
    starting = [name for name in candidates if _plain(name).startswith(answer)]
    if len(starting) == 1:
        return starting[0]
    wanted = set(re.findall(r"\w+", answer)) - _FILLERS
    fitting = [name for name in candidates if wanted and wanted <= set(re.findall(r"\w+", _plain(name)))]
    return fitting[0] if len(fitting) == 1 else None


_FILLERS = {"el", "la", "los", "en", "de", "del", "es", "pues", "seria", "esa", "ese", "una", "un"}
_UNKNOWN = re.compile(
    r"\b(no (lo |la |le )?(se|sabria|supe|recuerdo|me acuerdo|tengo( idea| a la mano)?)|ni idea|quien sabe|omitir|omite"
    r"|sin dato|saltar|prefiero no|paso|desconozco|ignoro)\b"
)


def _does_not_know(heard: Heard) -> bool:
    plain = _plain(heard.text)
    return bool(_UNKNOWN.search(plain)) and len(plain.split()) <= 10 or (heard.intent == "negar" and len(plain) < 12)


def _wants_to_correct(text: str) -> bool:
    return bool(re.search(r"\b(corregir|corrig|cambiar|cambia|esta mal|equivoc|falta un dato)", _plain(text)))


# Inside a form these are answers or small talk around one, not a new topic.
_NOT_DIGRESSIONS = {"informar", "afirmar", "negar", "saludo", "agregar_a_caso", "nlu_fallback", "agradecimiento"}
SURE = 0.55


def _is_about_something_else(intake: Intake, heard: Heard) -> bool:
    """Whether the message leaves the form for a moment: a question or another matter, surely understood."""
    if heard.intent in _NOT_DIGRESSIONS or heard.confidence < SURE:
        return False
    own = catalogs.kinds()[intake.kind].intent
    if heard.intent == own:
        return False
    asked = fact_types().get(intake.asking or "")
    # "Cuénteme qué pasó" is answered with a story, which can sound like any topic: only short questions leave it.
    return not (asked and asked.entity is None and len(heard.text.split()) > 6)


def _remember(intake: Intake, text: str) -> None:
    text = text.strip()
    if len(text) > 3 and text not in intake.words and len(intake.words) < MAX_WORDS_KEPT:
        intake.words.append(text[:1000])


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.lower().strip())
    return "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
