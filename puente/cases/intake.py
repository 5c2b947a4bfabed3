"""Taking down a case in conversation: what is known, what to ask next, what the last message changed.

Pure logic without database, HTTP or dialogue engine. `Intake` is the whole state, as plain JSON between messages.
"""

import copy
import re
import unicodedata
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Any

import yaml

from puente import clock
from puente.knowledge import catalogs, resolve
from puente.settings import ROOT

CONFIRMATION, CORRECTION = "confirmacion", "correccion"
MISSES_BEFORE_MOVING_ON = 2
MISSES_BEFORE_A_PERSON = 3  # at the summary, where there is nothing to move on to
WORDS_OF_A_STORY = 8  # a first message this long already says what happened
MAX_WORDS_KEPT = 6  # messages of the family that are kept as the case's detail
MAX_STORY = 4000


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
        """Read a stored state; one of an older version may have other fields."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})

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


def start(kind: str, heard: Heard, now: datetime, *, whole_story: bool = False) -> Intake:
    """A new case with everything that its first message already says; `whole_story`: it says all, however short."""
    intake = Intake(kind)
    _remember(intake, heard.text)
    _apply(intake, _found(intake, heard, now), heard)
    if "detalle" in catalogs.kinds()[kind].required and (whole_story or len(heard.text.split()) >= WORDS_OF_A_STORY):
        _set(intake, "detalle", heard.text.strip(), heard.text)
    intake.asking = _next(intake)
    return intake


def consume(intake: Intake, heard: Heard, now: datetime) -> Outcome:
    """Take in one answer: changes `intake` and says what follows."""
    if _cancels(intake, heard):
        return Outcome.CANCEL
    if heard.intent == "hablar_con_persona":
        return Outcome.PERSON
    if intake.asking in (CONFIRMATION, CORRECTION):
        return _at_the_summary(intake, heard, now)
    if intake.asking not in fact_types():  # a datum that was retired from the catalogue since
        intake.asking = _next(intake)
        return Outcome.ASK
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
    """ "lunes 16 de noviembre"; with the year when it is not this one."""
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
    year = "" if day.year == clock.utcnow().year else f" de {day.year}"
    return f"{weekdays[day.weekday()]} {day.day} de {months[day.month - 1]}{year}"


def _answer(intake: Intake, heard: Heard, now: datetime) -> Outcome:
    asked = intake.asking or ""
    if chosen := choose(intake.candidates.get(asked, []), heard.text):
        _set(intake, asked, chosen, heard.text)
        return _go_on(intake, heard)
    elsewhere = _is_about_something_else(intake, heard)
    found = _found(intake, heard, now)
    # A question about another hospital does not move the report there.
    answers = asked in found or not (elsewhere and is_a_question(heard.text))
    if found and answers and _apply(intake, found, heard):
        return _go_on(intake, heard)
    if _does_not_know(asked, heard):
        intake.skipped.append(asked)
        intake.candidates.pop(asked, None)
        return _go_on(intake, heard)
    if elsewhere:
        return Outcome.DIGRESSION
    if _apply(intake, _whole_text(asked, heard, now), heard):
        return _go_on(intake, heard)
    intake.misses += 1
    if intake.misses >= MISSES_BEFORE_MOVING_ON:  # better a fact in her own words than a third question
        _set(intake, asked, heard.text.strip(), heard.text)
        return _go_on(intake, heard)
    return Outcome.UNCLEAR


def _at_the_summary(intake: Intake, heard: Heard, now: datetime) -> Outcome:
    elsewhere = _is_about_something_else(intake, heard)
    found = {} if elsewhere and is_a_question(heard.text) else _found(intake, heard, now)
    if found and _apply(intake, found, heard, at_summary=True):
        return _go_on(intake, heard)
    corrects = heard.intent == "negar" or _wants_to_correct(heard.text)
    named = _named_fact(intake, heard.text) if corrects or intake.asking == CORRECTION else None
    if named:  # "el hospital": which datum, but not yet how it should be
        _forget(intake, named)
        intake.asking, intake.misses = named, 0
        return Outcome.ASK
    if intake.asking == CONFIRMATION and _agrees(heard):
        return Outcome.SEND
    if corrects:
        intake.asking = CORRECTION
        return Outcome.ASK
    if elsewhere:
        return Outcome.DIGRESSION
    if intake.asking == CORRECTION or heard.intent in ("informar", "agregar_a_caso"):
        if not _agrees(heard):
            _add_to_the_story(intake, heard.text)
        return _go_on(intake, heard)
    intake.misses += 1
    return Outcome.PERSON if intake.misses >= MISSES_BEFORE_A_PERSON else Outcome.UNCLEAR


def _go_on(intake: Intake, heard: Heard) -> Outcome:
    if heard.intent not in _SMALL_TALK:
        _remember(intake, heard.text)
    intake.misses = 0
    intake.asking = _next(intake)
    return Outcome.ASK


def _next(intake: Intake) -> str:
    """The next thing to ask: an open doubt, a required fact, and at last the confirmation.

    Helpful facts are kept when the family gives them; asking for each would wear her out.
    """
    kind = catalogs.kinds()[intake.kind]
    for name in _askable(kind.required, kind.helpful):
        if name in intake.candidates:
            return name
        if name in kind.required and name not in intake.facts and name not in intake.skipped:
            return name
    return CONFIRMATION


def _askable(*names: tuple[str, ...]) -> list[str]:
    return [name for group in names for name in group if name in fact_types()]


def _known_facts(intake: Intake) -> list[str]:
    kind = catalogs.kinds()[intake.kind]
    named = _askable(kind.required, kind.helpful)
    return [*named, *(name for name in intake.facts if name not in named and name in fact_types())]


# ---- what a message says


@dataclass(frozen=True)
class Doubt:
    """Several catalogue entries that the family's words could mean."""

    candidates: list[str]
    said: str


@dataclass(frozen=True)
class Named:
    """What a message says of a fact with several values: these too, and those not."""

    added: list[str]
    dropped: list[str]


TAKEN_BACK = None  # "no es en La Raza", without saying where then


def _found(intake: Intake, heard: Heard, now: datetime) -> dict[str, Any]:
    """What the message says: fact → its value as words, Named, Doubt, or TAKEN_BACK."""
    found: dict[str, Any] = {}
    for fact in fact_types().values():
        said = [words for words in _said(intake, fact, heard) if not _is_vague(fact.name, words)]
        if not said:
            continue
        if fact.several:
            found[fact.name] = _named(intake, fact, said, heard, now)
            continue
        kept = [words for words in said if not _takes_back(words, heard.text, known=fact.name in intake.facts)]
        if kept:
            value = _value(intake, fact, kept[0], heard, now)
            if value is not None:
                found[fact.name] = value
        elif fact.name in intake.facts:
            found[fact.name] = TAKEN_BACK
    return found


def _said(intake: Intake, fact: FactType, heard: Heard) -> list[str]:
    """The words for `fact` in a message: its entities, or for what matters now what the catalogues find in it."""
    if fact.entity is None:
        return []
    said = [str(entity["value"]) for entity in heard.entities if entity["entity"] == fact.entity]
    if not said and fact.entity in _FINDERS and intake.asking in (None, fact.name):
        said = [words for _, _, words in _FINDERS[fact.entity](heard.text)]
    return said


_FINDERS = {
    "medicamento": resolve.find_medicines,
    "unidad": resolve.find_units,
    "representacion": resolve.find_representations,
}


def _named(intake: Intake, fact: FactType, said: list[str], heard: Heard, now: datetime) -> Named:
    added: list[str] = []
    dropped: list[str] = []
    for words in said:
        resolution = resolve.resolve(fact.entity or "", words, now=now, context=heard.text)
        name = resolution.resolved or words.strip()
        known = name in intake.facts.get(fact.name, [])
        (dropped if _takes_back(words, heard.text, known=known) else added).append(name)
    return Named(added, dropped)


def _value(intake: Intake, fact: FactType, words: str, heard: Heard, now: datetime) -> Any:
    resolution = resolve.resolve(fact.entity or "", words, now=now, context=heard.text)
    if resolution.resolved:
        return resolution.resolved
    if fact.name != intake.asking and fact.name not in _known_facts(intake):
        return None  # neither sure nor asked for
    return Doubt(list(resolution.candidates), words) if resolution.candidates else words.strip()


def _apply(intake: Intake, found: dict[str, Any], heard: Heard, *, at_summary: bool = False) -> bool:
    """Take over what was found; the latest word counts. Returns whether anything changed by it."""
    before = copy.deepcopy((intake.facts, intake.candidates))
    for name, value in found.items():
        if isinstance(value, Doubt):
            intake.candidates[name] = value.candidates
            intake.said[name] = value.said
        elif isinstance(value, Named):
            _apply_named(intake, name, value, heard, at_summary=at_summary)
        elif value is TAKEN_BACK:
            _forget(intake, name)
        else:
            _set(intake, name, value, heard.text)
    after = (intake.facts, intake.candidates)
    return bool(after != before)


def _apply_named(intake: Intake, name: str, value: Named, heard: Heard, *, at_summary: bool) -> None:
    """Several values grow by what comes; a correction without saying what of replaces them all."""
    plain = _plain(heard.text)
    replaces = (at_summary or bool(_CORRECTS.search(plain))) and not _ADDS.search(plain) and not value.dropped
    known = [] if replaces else intake.facts.get(name, [])
    names = list(dict.fromkeys(item for item in [*known, *value.added] if item not in value.dropped))
    if names:
        _set(intake, name, names, heard.text)
    else:
        _forget(intake, name)


def _set(intake: Intake, name: str, value: Any, said: str) -> None:
    if fact_types()[name].several and isinstance(value, str):
        value = [value]
    intake.facts[name] = value
    intake.said[name] = said.strip()[:300]
    intake.candidates.pop(name, None)
    if name in intake.skipped:
        intake.skipped.remove(name)


def _forget(intake: Intake, name: str) -> None:
    for state in (intake.facts, intake.said, intake.candidates):
        state.pop(name, None)
    if name in intake.skipped:
        intake.skipped.remove(name)


def _add_to_the_story(intake: Intake, text: str) -> None:
    """Keep words that fit no other datum where the family sees them in the summary."""
    told = [intake.facts["detalle"]] if intake.facts.get("detalle") else []
    _set(intake, "detalle", "\n".join([*told, text.strip()])[:MAX_STORY], text)


def _whole_text(asked: str, heard: Heard, now: datetime) -> dict[str, Any]:
    """The answer as a whole, where no entity was found in it: resolved, or as it stands for what has no catalogue."""
    fact = fact_types()[asked]
    text = heard.text.strip()
    if not text:
        return {}
    if fact.entity is None:
        return {asked: text}
    if fact.entity in _AS_WRITTEN:
        return {} if is_a_question(text) else {asked: text}
    if fact.entity == "telefono" and _THIS_PHONE.search(_plain(text)):
        return {asked: "el mismo de este chat"}
    resolution = resolve.resolve(fact.entity, text, now=now, context=text)
    if resolution.resolved:
        return {asked: Named([resolution.resolved], []) if fact.several else resolution.resolved}
    return {asked: Doubt(list(resolution.candidates), text)} if resolution.candidates and not fact.several else {}


def choose(candidates: list[str], text: str) -> str | None:
    """The candidate that an answer picks: its place, the button's title, or the only one that has all its words."""
    answer = _plain(text).rstrip("….")
    if not candidates or not answer:
        return None
    wanted = set(re.findall(r"\w+", answer)) - _FILLERS
    if len(wanted) == 1 and (place := _PLACES.get(next(iter(wanted)))) is not None and place < len(candidates):
        return candidates[place]
    starting = [name for name in candidates if len(answer) > 3 and _plain(name).startswith(answer)]
    if len(starting) == 1:
        return starting[0]
    fitting = [name for name in candidates if wanted and wanted <= set(re.findall(r"\w+", _plain(name)))]
    return fitting[0] if len(fitting) == 1 else None


# ---- words that decide (all matched on plain text: lower case, no accents)

_SMALL_TALK = ("afirmar", "negar", "agradecimiento", "despedida", "saludo")
_AS_WRITTEN = ("paciente", "servicio", "sintoma")
_PLACES = {
    "primero": 0,
    "primera": 0,
    "segundo": 1,
    "segunda": 1,
    "tercero": 2,
    "tercera": 2,
    "ultimo": -1,
    "ultima": -1,
}
_FILLERS = {
    "el",
    "la",
    "los",
    "las",
    "en",
    "de",
    "del",
    "es",
    "pues",
    "seria",
    "esa",
    "ese",
    "una",
    "un",
    "mero",
    "mera",
}
_THIS_PHONE = re.compile(r"\b(este|mismo|aqui)\b")
_CORRECTS = re.compile(r"\b(perdon|disculpe|me equivo\w+|quise decir|mas bien|mejor dicho|corrijo|digo)\b")
_ADDS = re.compile(r"\b(tambien|ademas|tampoco|y (falta|me falto|no hay)|agreg\w*|falto|falta)\b")
_VAGUE = {
    "unidad": re.compile(
        r"((el|la|los|las|mi|su|un|una|este|esta|ese|esa|aqui|ahi|alla|en|de|del|al|hospital|clinica|unidad|seguro|social"
        r"|imss|farmacia|centro|medico|mism[oa]|siempre)\s*)+"
    ),
    "medicamentos": re.compile(
        r"((el|la|los|las|mi|su|sus|un|una|de|del|para|medicinas?|medicamentos?|quimio|quimioterapias?|tratamientos?"
        r"|pastillas?|inyeccion(es)?|insumos?|material|receta|dosis)\s*)+"
    ),
}
_NOT_KNOWING = (
    r"no (lo |la |le )?(se|sabria( decir\w*)?|supe|recuerdo|me acuerdo|tengo( idea| a la mano)?)|ni idea|quien sabe"
    r"|omit(ir|e|o)|sin dato|saltar|prefiero no( decir\w*| dar\w*)?|desconozco|(lo )?ignoro"
)
_UNKNOWN = re.compile(rf"\b({_NOT_KNOWING})\b|^(mejor )?paso$")
_ONLY_UNKNOWN = re.compile(
    rf"((pues|la verdad|ay|mmm+|uy|mejor|perdon|disculpe)\s+)*({_NOT_KNOWING}|paso)"
    r"(\s+(bien|la verdad|gracias|ahorita|exactamente|perdon|disculpe|joven|señorita|senorita))*"
)
_YES = re.compile(
    r"((ahora |ya |asi |pues |claro que )?si+|ok(i|is|ey|ay)?|va|vale|dale|correcto|exacto|asi es"
    r"|(asi |todo |ya )?(esta )?bien( asi)?|de acuerdo|claro|perfecto|sale|andele|ande|mandel[oa]|envie(l[oa])?"
    r"|sip|simon|👍.?|✅)"
    r"(\s+(por favor|gracias|señorita|senorita|joven|asi|asi esta bien|esta bien))*"
)
_NOT_NOW = re.compile(
    r"((ay|pues|mejor|ahora|ahorita|orita|por|el|momento|hoy|todavia|aun|asi|ya)\s+)*"
    r"(no|nop|nel|luego|lueguito|despues|al rato|mas tarde|otro dia|otro ratito|mañana|manana)"
    r"(\s+(no|mejor|ahora|ahorita|por|el|momento|hoy|todavia|gracias|muchas|asi|esta|bien|joven|señorita|senorita|luego"
    r"|despues|le|digo|escribo|aviso|vemos|lo))*"
)
_LATER = re.compile(r"\b(luego|lueguito|despues|al rato|mas tarde|otro dia|otro ratito|manana)\b")
_CANCELS = re.compile(
    r"\b(cancel(a|e|o|ar)(l[oa])?|dej(e|a)l[oa]( asi)?|olvid(e|a)l[oa]|ya no quiero|mejor (ya )?no|no quiero seguir"
    r"|no (lo )?(envie|mande))\b"
)
_NAMED_FACTS = {
    "medicamentos": r"medic\w+|insumo",
    "unidad": r"hospital|clinica|unidad",
    "representacion": r"estado|representacion",
    "fecha": r"fechas?|dia",
    "hora": r"hora",
    "telefono": r"telefono|celular",
    "servicio": r"servicio",
    "componente": r"componente",
    "tipo_sangre": r"tipo de sangre|grupo|rh",
    "edad": r"edad",
    "paciente": r"nombre|paciente|ni[nñ][oa]",
}
# Inside a form these are answers or small talk around one, not a new topic.
_NOT_DIGRESSIONS = {"informar", "afirmar", "negar", "saludo", "agregar_a_caso", "nlu_fallback", "agradecimiento"}
SURE = 0.55
STORY_WORDS = 6  # a longer answer to "cuénteme qué pasó" is a story, whatever topic it sounds like


def _cancels(intake: Intake, heard: Heard) -> bool:
    """Whether the family gives up the report. "Me cancelaron la quimio" is a story, not an order to throw it away."""
    if heard.intent != "cancelar" or _tells_a_story(intake, heard):
        return False
    return heard.confidence >= SURE or bool(_CANCELS.search(_plain(heard.text)))


def _agrees(heard: Heard) -> bool:
    if _wants_to_correct(heard.text):
        return False
    return heard.intent in ("afirmar", "agradecimiento", "despedida") or says_yes(heard.text)


def says_yes(text: str) -> bool:
    """Whether the words are a plain yes, however the language model took them."""
    return bool(_YES.fullmatch(_bare(text)))


def says_not_now(text: str) -> bool:
    """Whether the words put something off: "ahorita no gracias", "al rato", "otro día"."""
    return bool(_NOT_NOW.fullmatch(_bare(text)))


def gives_up(heard: Heard) -> bool:
    """Whether the words stop what is being asked: "cancele", "ya no quiero", "mejor luego"; a bare "no" answers."""
    if heard.intent == "cancelar" and heard.confidence >= SURE:
        return True
    later = says_not_now(heard.text) and bool(_LATER.search(_plain(heard.text)))
    return later or bool(_CANCELS.search(_plain(heard.text)))


def is_elsewhere(heard: Heard) -> bool:
    """Whether a message surely is about a matter of its own, and not small talk around an answer."""
    return heard.intent not in _NOT_DIGRESSIONS and heard.confidence >= SURE


def _does_not_know(asked: str, heard: Heard) -> bool:
    """Whether the answer is "no sé" or the like. In a story "no se presentó el doctor" means something else."""
    plain = _bare(heard.text)
    if heard.intent == "negar" and len(plain) < 12:
        return True
    if fact_types()[asked].entity is None:
        return bool(_ONLY_UNKNOWN.fullmatch(plain))
    return bool(_UNKNOWN.search(plain)) and len(plain.split()) <= 10


def _wants_to_correct(text: str) -> bool:
    plain = re.sub(r"\bnada (que|por) (corregir|cambiar)", "", _plain(text))
    return bool(re.search(r"\b(corregir|corrij|corrig|cambiar|cambie|esta mal|equivoc|falta un dato)", plain))


def _named_fact(intake: Intake, text: str) -> str | None:
    plain = _plain(text)
    known = _known_facts(intake)
    return next(
        (name for name, words in _NAMED_FACTS.items() if name in known and re.search(rf"\b({words})\b", plain)), None
    )


def _takes_back(words: str, text: str, *, known: bool) -> bool:
    """Whether the message says that it is not `words`: "no es vincristina, es vinblastina"."""
    denied = r"no (es|era|fue|son|eran)|quit(e|a|ar|ele|eme)|borr(e|a|ar)|elimin(e|a|ar)"
    if known:  # else "en lugar de vincristina" tells what was missing
        denied += r"|en (vez|lugar) de"
    pattern = rf"\b({denied})( en| de| del| la| el| los| las)* {re.escape(_plain(words))}\b"
    return bool(re.search(pattern, _plain(text)))


def _is_vague(name: str, words: str) -> bool:
    """Whether words name no particular thing: "la medicina", "el hospital"."""
    pattern = _VAGUE.get(name)
    return bool(pattern and pattern.fullmatch(_plain(words)))


def is_a_question(text: str) -> bool:
    """Whether the words ask something rather than answer."""
    opening = r"((y|oiga|disculpe|perdon|una pregunta|joven|senorita),? )*"
    asks = r"(que|como|cuando|a que|cual|cuanto|quien|por ?que|para que|donde)"
    return "?" in text or bool(re.match(rf"{opening}{asks}\b", _plain(text)))


def _is_about_something_else(intake: Intake, heard: Heard) -> bool:
    """Whether the message leaves the form for a moment: a question or another matter, surely understood."""
    if not is_elsewhere(heard) or heard.intent == catalogs.kinds()[intake.kind].intent:
        return False
    return not _tells_a_story(intake, heard)


def _tells_a_story(intake: Intake, heard: Heard) -> bool:
    asked = fact_types().get(intake.asking or "")
    return asked is not None and asked.entity is None and len(heard.text.split()) > STORY_WORDS


def _remember(intake: Intake, text: str) -> None:
    text = text.strip()
    if len(text) > 3 and text not in intake.words and len(intake.words) < MAX_WORDS_KEPT:
        intake.words.append(text[:1000])


def _bare(text: str) -> str:
    """Plain text without the punctuation around its words."""
    return " ".join(re.sub(r"[^\w\s👍✅]", " ", _plain(text)).split())


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.lower().strip())
    return "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
