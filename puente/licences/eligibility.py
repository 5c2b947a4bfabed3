"""Whether Licencia 140 Bis seems to fit a person's situation: at most five questions, then a verdict with reasons.

The verdict is "todo indica que sí", "todo indica que no" or "pregunte por…": the licence is the Institute's to give.
`Check` is the whole state, as plain JSON between messages. What a family says unasked is never asked.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from puente.knowledge import entries
from puente.licences import situation

FILE = "licencia_situacion.yml"
MOST_QUESTIONS = 5
UNKNOWN = "no_se"

Outcome = Literal["si", "no", "pregunte"]


@dataclass(frozen=True, slots=True)
class Option:
    """A button: what it means and what it says."""

    valor: str
    boton: str


@dataclass(frozen=True, slots=True)
class Reason:
    """What an answer leads to, in words, with the article that it rests on."""

    lleva: Outcome
    texto: str
    articulo: str
    fecha: date
    referencia: str


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that decides, how it is asked, and what each answer leads to."""

    id: str
    pregunta: str
    aclaracion: str
    opciones: tuple[Option, ...]
    motivos: dict[str, Reason]


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask now. `again` when the last answer was not understood."""

    topic: str
    text: str
    options: tuple[Option, ...]
    again: bool


@dataclass
class Check:
    """What is known of the situation, and what was asked (a repeated question counts again)."""

    known: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Check":
        """Read a stored state; one of an older version may have other fields."""
        names = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in names})

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def asking(self) -> str | None:
        """The topic of the question that is waiting for its answer."""
        last = self.asked[-1] if self.asked else None
        return last if last and last not in self.known else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where the answers lead, why, and what still has to hold because nobody asked it."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    conditions: tuple[str, ...]

    def text(self) -> str:
        """The verdict as it is sent."""
        parts = [_HEADLINES[self.outcome], _with_articles(self.reasons)]
        if self.conditions:
            parts.append("Además, cuente con que:\n" + "\n".join(f"• {condition}" for condition in self.conditions))
        parts.append("Esto es solo orientación: quien decide es el IMSS.")
        return "\n\n".join(parts)


_HEADLINES: Mapping[Outcome, str] = {
    "si": "*Todo indica que sí* puede pedir la licencia 140 Bis.",
    "no": "*Todo indica que no* le toca la licencia 140 Bis, al menos por ahora.",
    "pregunte": "No lo puedo saber con certeza. *Pregunte en Prestaciones Económicas de su unidad por:*",
}
# What has to hold too, for each topic that was never talked of.
_CONDITIONS = {
    "parentesco": "usted es la mamá o el papá, o tiene la patria potestad o la guarda y custodia.",
    "otro_padre": "la otra persona, mamá o papá, no tiene ya esta licencia: en ningún caso se da a los dos.",
}
_DOCTOR = "su médico tratante indica los días, por hospitalización o reposo en un periodo crítico."


def start(text: str, now: datetime) -> Check:
    """A check that begins with everything that the family's message already says."""
    check = Check()
    _learn(check, text, now)
    return check


def ask(check: Check) -> Question | None:
    """The next question worth asking, or None when the verdict can be given. Asking it is noted in `check`."""
    if len(check.asked) >= MOST_QUESTIONS or _decided(check):
        return None
    waiting = check.asking
    name = waiting or next((name for name in topics() if name not in check.known), None)
    if name is None:
        return None
    check.asked.append(name)
    topic = topics()[name]
    return Question(name, topic.aclaracion if waiting else topic.pregunta, topic.opciones, again=bool(waiting))


def answer(check: Check, text: str, now: datetime, *, intent: str = "") -> None:
    """Take in an answer. One that is not understood is asked once more; the second time it counts as not known."""
    asked = check.asking
    learned = _learn(check, text, now)
    if asked is None or asked in check.known:
        return
    if learned and situation.corrects(text):  # it was about an earlier answer: the question is put again, not counted
        check.asked.pop()
        return
    value = _chosen(topics()[asked], text) or situation.read(asked, text, now, intent=intent)
    if value is None and (check.asked.count(asked) > 1 or len(check.asked) >= MOST_QUESTIONS):
        value = UNKNOWN
    if value is not None:
        check.known[asked] = value


def verdict(check: Check) -> Verdict:
    """Where what is known leads. Whatever was never answered is something to ask the Institute about."""
    reasons = [topics()[name].motivos[check.known.get(name, UNKNOWN)] for name in topics() if _counts(check, name)]
    against = tuple(reason for reason in reasons if reason.lleva == "no")
    if against:
        return Verdict("no", against, ())
    doubts = tuple(reason for reason in reasons if reason.lleva == "pregunte")
    conditions = tuple(text for name, text in _CONDITIONS.items() if not _counts(check, name))
    if doubts:
        return Verdict("pregunte", doubts, conditions)
    return Verdict("si", tuple(reasons), (*conditions, _DOCTOR))


def topics() -> Mapping[str, Topic]:
    """Everything that decides, the most telling first."""
    return entries.read_again(entries.DIRECTORY / FILE, _read)


def _read(path: Path) -> Mapping[str, Topic]:
    raw = entries.parse(path)
    return MappingProxyType({name: entries.converted(path, {"id": name, **rest}, Topic) for name, rest in raw.items()})


def _counts(check: Check, name: str) -> bool:
    """Whether a topic enters the verdict; those with a condition only when something was said about them."""
    return name in check.known or name not in _CONDITIONS


def _decided(check: Check) -> bool:
    """One answer that rules it out is enough: nobody is questioned for nothing."""
    return any(topics()[name].motivos[value].lleva == "no" for name, value in check.known.items())


def _learn(check: Check, text: str, now: datetime) -> bool:
    """Everything that a message says about the situation, asked or not. A later word corrects an earlier one."""
    found = situation.volunteered(text, now)
    check.known.update(found)
    return bool(found)


def _chosen(topic: Topic, text: str) -> str | None:
    """The button that was pressed or copied."""
    said = text.strip().casefold()
    return next((option.valor for option in topic.opciones if said in (option.boton.casefold(), option.valor)), None)


def _with_articles(reasons: tuple[Reason, ...]) -> str:
    """A line for each reason with its article; an article that all share is named once."""
    articles = {reason.articulo for reason in reasons}
    lines = [f"• {reason.texto}" + (f" _(Art. {reason.articulo})_" if len(articles) > 1 else "") for reason in reasons]
    if len(articles) == 1:
        lines.append(f"_(Art. {articles.pop()}; Diario Oficial, {entries.short_date(reasons[0].fecha)})_")
    return "\n".join(lines)
