"""Several short messages in a row are one thing said: "buenas" / "oiga" / "no hay quimio" is one turn.

Pure logic: which of the waiting messages make the next turn, or until when the dialogue waits for more. A message that
looks finished never waits; one that does not (a greeting alone, a sentence cut in the middle) waits a moment.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from puente.knowledge.spelling import listed, plain

PATIENCE = timedelta(seconds=1.2)  # from the last message's arrival
MOST_PATIENCE = timedelta(seconds=5)  # from the first one's
CLOSE_TOGETHER = timedelta(seconds=10)  # from the first to the last of a turn, by WhatsApp's clock
MOST_PARTS = 8
MOST_CHARACTERS = 1000
# Words that only open a conversation, and words after which a sentence goes on.
OPENERS = listed(
    "hola ola holi buen buena buenas bueno buenos dia dias tarde tardes noche noches que tal oiga oigan oye disculpe "
    "disculpen perdon perdone fijese mire mira una duda pregunta quiero queria preguntar preguntarle hacer hacerle "
    "molesto molestia senorita senor doctor doctora dra dr amigo ey hey saludos puente alguien ahi esta estan como"
)
GOES_ON = listed(
    "y e o u que de del en para por porque pero con sin el la los las un una mi mis su sus es son a al se me le lo nos "
    "les cuando donde si como este esta pues entonces hay tengo tiene necesito quiero estoy osea aunque desde hasta"
)
# One word that says it all, whatever the lists above think of it.
WHOLE = listed("si no ya ok va sale gracias bien listo claro correcto exacto ninguno ninguna nada ayuda menu")
COMMANDS = listed("baja alta stop cancelar ayuda menu reiniciar")
_CUT = re.compile(r"(\.\.+|…|[,:;\-–(])\s*$")
_QUESTION = re.compile(r"\?\s*$")
_ENDED = re.compile(r"[.!?)»\"]\s*$")
MOST_WORDS_OPENING, MOST_WORDS_CUT = 6, 12


@dataclass(frozen=True)
class Part:
    """A waiting message. `joins`: plain words, so that it may share a turn; `turn` was given to it before a crash."""

    id: int
    text: str
    sent_at: datetime
    arrived_at: datetime
    joins: bool
    turn: int | None = None


@dataclass(frozen=True)
class Go:
    """These make the next turn, in this order; the last one leads it."""

    ids: tuple[int, ...]


@dataclass(frozen=True)
class Wait:
    """More is probably coming; look again at that moment, or when it comes."""

    until: datetime


def plan(parts: Sequence[Part], now: datetime) -> Go | Wait:
    """What to do with the waiting messages, oldest first. `parts` must not be empty."""
    begun = next((part.turn for part in parts if part.turn is not None), None)
    if begun is not None:  # perhaps the dialogue has heard it already: it must hear the very same again
        return Go(tuple(part.id for part in parts if part.turn == begun))
    group = _together(parts)
    until = _worth_waiting(group) if len(group) == len(parts) else None
    if until is not None:
        until = min(until, now + PATIENCE)  # whatever the clock of the machine that wrote the arrival
        if until > now:
            return Wait(until)
    return Go(tuple(part.id for part in group))


def joins(text: str | None, kind: str) -> bool:
    """Whether a message is plain words that may share a turn with others."""
    return kind == "text" and bool(text) and not is_command(text or "")


def is_command(text: str) -> bool:
    """Words that do something by themselves; they must arrive alone."""
    return text.lstrip().startswith("/") or plain(text).strip(" .!¡¿?") in COMMANDS


def unfinished(text: str) -> bool:
    """Whether somebody who writes this is probably still writing."""
    words = re.findall(r"[^\W\d_]+|\d+", plain(text))
    if not words:
        return False
    if says_it_all(text):
        return False
    if len(words) <= MOST_WORDS_OPENING and all(word in OPENERS for word in words):
        return True
    if len(words) > MOST_WORDS_CUT:
        return False
    return bool(_CUT.search(text)) or (not _ENDED.search(text) and words[-1] in GOES_ON)


def says_it_all(text: str) -> bool:
    """A question, or a bare yes or no: what comes after it is another matter."""
    return bool(_QUESTION.search(text)) or _is_bare_answer(text)


def _is_bare_answer(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+|\d+", plain(text))
    return len(words) == 1 and words[0] in WHOLE


def _together(parts: Sequence[Part]) -> list[Part]:
    """The first message and those behind it that belong to the same breath."""
    group = [parts[0]]
    if not parts[0].joins:
        return group
    for part in parts[1:]:
        length = sum(len(member.text) for member in group) + len(part.text)
        close = part.sent_at - group[0].sent_at <= CLOSE_TOGETHER
        stands_alone = says_it_all(group[-1].text) or _is_bare_answer(part.text)
        if not part.joins or not close or stands_alone or length > MOST_CHARACTERS or len(group) == MOST_PARTS:
            break
        group.append(part)
    return group


def _worth_waiting(group: Sequence[Part]) -> datetime | None:
    """Until when more may come; None when what was said looks finished, or cannot grow."""
    last = group[-1]
    if not last.joins or len(group) == MOST_PARTS or not unfinished(last.text):
        return None
    first_arrival = min(part.arrived_at for part in group)
    return min(last.arrived_at + PATIENCE, first_arrival + MOST_PATIENCE)
