"""What a chaos run will do, drawn from its seed alone: who writes what, who is killed when, how WhatsApp misbehaves.

A seed replays this schedule, not the run: how the processes' steps fall between each other is the machine's affair.
"""

import os
import random
from dataclasses import dataclass
from typing import Any

PROCESSES = ("web", "worker", "rasa", "actions")
DATABASE = "postgresql"
CONFIRM = "Sí, enviar"
PERSON_AWAY = 0.3  # seconds between the messages of somebody who does not wait for an answer


@dataclass(frozen=True)
class Size:
    """How much a run does."""

    messages: int
    contacts: int
    kills: int  # of each process
    deadline: float  # seconds for all of it: generous, for a machine that others use too


SIZES = {
    "small": Size(40, 5, 1, 600),
    "short": Size(200, 20, 2, 1200),
    "full": Size(2000, 100, 10, 7200),
}


@dataclass(frozen=True)
class Line:
    """One message of a family. `press`: the button she presses if it is offered, else she writes `text`.

    `patience`: how many seconds she waits for an answer before she writes on.
    """

    text: str
    patience: float
    press: str = ""


@dataclass(frozen=True)
class Kill:
    """`process` dies once so many messages are done and `delay` seconds have passed, and is away for `away`.

    Done, not written: families write on while a process loads, and it would be killed whenever it is ready to work.
    """

    process: str
    after: int
    delay: float
    away: float


@dataclass(frozen=True)
class Plan:
    """Everything that the seed decides."""

    seed: int
    size: Size
    families: dict[str, list[Line]]  # by phone
    kills: list[Kill]
    faults: dict[str, Any]


def chosen_seed() -> int:
    """CHAOS_SEED, or a new one."""
    given = os.environ.get("CHAOS_SEED")
    return int(given) if given else random.SystemRandom().randrange(1_000_000)


def chosen_size() -> Size:
    """CHAOS_SIZE: small, short (the default) or full."""
    return SIZES[os.environ.get("CHAOS_SIZE") or "short"]


def draw(seed: int, size: Size, *, with_database: bool) -> Plan:
    """The plan of that seed. `with_database`: the database server is restarted once, too."""
    families = {}
    for number in range(size.contacts):
        share = size.messages // size.contacts + (number < size.messages % size.contacts)
        families[f"52155555{number:05d}"] = _lines(random.Random(f"{seed}/{number}"), share)
    dice = random.Random(f"{seed}/kills")
    kills = [kill for process in PROCESSES for kill in _kills(dice, process, size, size.kills)]
    if with_database:
        kills += _kills(dice, DATABASE, size, 1)
    return Plan(seed, size, families, kills, {**FAULTS, "seed": seed})


def _kills(dice: random.Random, process: str, size: Size, times: int) -> list[Kill]:
    """One in each stretch of the run, so that it is hit early, midway and late."""
    points = [0.03 + 0.87 * (stretch + dice.random()) / times for stretch in range(times)]
    return [Kill(process, int(point * size.messages), dice.uniform(0, 1.5), dice.uniform(0, 2)) for point in points]


# No status is ever skipped: a send whose answer was lost and whose statuses are lost as well cannot be told from one
# that never arrived, and Puente then prefers twice to never (puente/dispatch/sender.py).
FAULTS: dict[str, Any] = {
    "duplicate_webhooks": 0.2,
    "reorder_webhooks": 0.1,
    "slow_webhooks": 0.05,
    "slow_webhook_seconds": 1.5,
    "http_5xx": 0.05,
    "slow": 0.05,
    "slow_seconds": 3,
    "drop_after_accept": 0.03,
    "drop_before_accept": 0.02,
    "drop_seconds": 11,  # longer than the client waits: a real time-out
    "errors": {"130429": 0.005, "131056": 0.02, "131016": 0.02},
    "pair_rate": True,
    "status_before_response": 0.05,
    "duplicate_statuses": 0.2,
    "reverse_statuses": 0.1,
}


# --------------------------------------------------------------------------------- what families write about

MEDICINES = (
    "vincristina", "mercaptopurina", "metotrexato", "ciclofosfamida", "ifosfamida", "citarabina", "mesna",
    "dexametasona", "doxorrubicina", "daunorrubicina", "cisplatino", "carboplatino", "etoposido", "prednisona",
    "filgrastim", "bleomicina", "dacarbazina", "procarbazina", "lomustina", "vinblastina",
)  # fmt: skip
PLACES = ("en la raza", "en siglo 21", "en la 71 de torreon", "en la 25 de monterrey", "en la 48 de leon")
SINCE = ("desde el lunes", "desde ayer", "desde hace 3 dias", "desde antier")
GREETINGS = ("buenas tardes", "buenos dias", "hola que tal", "buenas noches")
QUESTIONS = (
    "que necesito para donar sangre",
    "mi tia tiene diabetes, puede donar plaquetas?",
    "que es la licencia 140 bis",
    "cuanto pagan con la licencia para cuidar a mi hijo",
    "cuando es la proxima reunion de padres",
    "quien ve mis datos si los doy aqui",
    "hay albergue para las mamas que venimos de fuera?",
    "usted es una persona o un robot",
    "para que sirve esto o que le puedo pedir",
    "como va mi reporte",
    "quien gano anoche el america o las chivas",
)
THANKS = ("muchas gracias que amable", "gracias", "mil gracias por la ayuda")
ALARMS = (
    "mi niña tiene 39 de calentura y esta temblando mucho",
    "mi hijo esta convulsionando",
    "no despierta y tiene mucha fiebre que hago",
)


def _lines(dice: random.Random, count: int) -> list[Line]:
    """`count` messages of one family: whole scenes, the last one perhaps cut off. No medicine is reported twice."""
    medicines = list(MEDICINES)
    dice.shuffle(medicines)
    lines = _greeting(dice)
    alarmed = False
    while len(lines) < count:
        scene = dice.choices(("report", "parts", "question", "burst", "thanks", "alarm"), (3, 2, 4, 3, 1, 1))[0]
        if scene in ("report", "parts") and medicines:
            write = _report if scene == "report" else _report_in_parts
            lines += write(dice, medicines.pop())
        elif scene == "alarm" and not alarmed:
            alarmed = True
            lines += _alarm(dice)
        elif scene == "burst":
            lines += _burst(dice)
        elif scene == "thanks":
            lines.append(Line(dice.choice(THANKS), _patience(dice)))
        else:
            lines.append(Line(dice.choice(QUESTIONS), _patience(dice)))
    return lines[:count]


def _patience(dice: random.Random) -> float:
    """Most wait for the answer, some do not."""
    return PERSON_AWAY if dice.random() < 0.15 else dice.uniform(4, 15)


def _greeting(dice: random.Random) -> list[Line]:
    return [Line(dice.choice(GREETINGS), _patience(dice))]


def _report(dice: random.Random, medicine: str) -> list[Line]:
    text = f"no hay {medicine} {dice.choice(PLACES)} {dice.choice(SINCE)} y ya le tocaba a mi hijo"
    return [Line(text, dice.uniform(8, 15)), Line("si por favor", _patience(dice), CONFIRM)]


def _report_in_parts(dice: random.Random, medicine: str) -> list[Line]:
    texts = [f"no me surtieron la {medicine}", f"es {dice.choice(PLACES)}", dice.choice(SINCE)]
    return [*(Line(text, dice.uniform(8, 15)) for text in texts), Line("si por favor", _patience(dice), CONFIRM)]


def _burst(dice: random.Random) -> list[Line]:
    """Three short messages, one behind the other."""
    return [
        Line("buenas", PERSON_AWAY),
        Line("oiga una pregunta", PERSON_AWAY),
        Line(dice.choice(QUESTIONS), _patience(dice)),
    ]


def _alarm(dice: random.Random) -> list[Line]:
    return [Line(dice.choice(ALARMS), dice.uniform(4, 15)), Line("ya vamos para alla", _patience(dice))]
