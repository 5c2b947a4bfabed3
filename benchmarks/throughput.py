"""How many full turns a second: a family's message to the answer accepted by WhatsApp, with one Rasa and with two?

    python benchmarks/throughput.py     [--families 40] [--turns 8] [--rasas 1 2] [--floor 20]

Real processes, SQLite, the simulator as WhatsApp. Every family waits for its answer before it writes again, so as many
turns are under way as there are families. Times are the simulator's own: webhook sent, answer accepted. The machine's
load is printed before and after, and the share of the processors that other programs took meanwhile: with them at work
the rate says little, and the processor's time that a turn costs in each of our programs says more. Exit code 1 below
the floor, or when two Rasas are not faster than one.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from simulator.driver import Bubble, Simulator
from tests.stack import Stack

QUESTIONS = (
    "buenos días, quiero saber qué es la licencia 140 bis",
    "¿cuáles son los requisitos para donar sangre?",
    "¿dónde está el hospital la raza?",
    "gracias por la información",
    "¿qué me puede usted ayudar a hacer?",
    "¿cuántos días me dan con la licencia de cuidados?",
    "¿de qué se habló en la última reunión con los representantes?",
    "¿qué hacen con mis datos personales?",
)
WARM_UP_TURNS = 2
ANSWER_SECONDS = 60


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--families", type=int, default=40)
    parser.add_argument("--turns", type=int, default=8, help="by each family")
    parser.add_argument("--rasas", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--floor", type=float, default=20.0, help="turns a second with one Rasa")
    parser.add_argument("--keep", type=Path, help="keep the logs and the databases in this folder")
    options = parser.parse_args()
    header = (
        "Rasas",
        "families",
        "turns",
        "turns/s",
        "median s",
        "p95 s",
        "worst s",
        "load before",
        "load after",
        "others",
    )
    print(" ".join(f"{name:>11}" for name in header))
    rates = [_measure(rasas, options) for rasas in options.rasas]
    slow = rates[0] < options.floor
    no_gain = len(rates) > 1 and rates[-1] <= rates[0]
    if slow:
        print(f"below the floor of {options.floor:g} turns a second")
    if no_gain:
        print("more Rasas are not faster")
    return int(slow or no_gain)


def _measure(rasas: int, options: argparse.Namespace) -> float:
    """Print a row. Returns the turns a second."""
    with tempfile.TemporaryDirectory() as folder:
        home = (options.keep or Path(folder)) / f"rasas-{rasas}"
        home.mkdir(parents=True, exist_ok=True)
        with Stack(home, watching=False, RASA_PROCESSES=str(rasas)) as stack:
            load = os.getloadavg()[0]
            asyncio.run(_talk(stack.simulator_url, options.families, WARM_UP_TURNS))
            before, busy_before, own_before = stack.cpu_seconds(), _busy_seconds(), time.process_time()
            seconds, times = asyncio.run(_talk(stack.simulator_url, options.families, options.turns))
            spent = {name: total - before[name] for name, total in stack.cpu_seconds().items()}
            spent["this benchmark"] = time.process_time() - own_before
            others = max(0.0, _busy_seconds() - busy_before - sum(spent.values())) / (seconds * (os.cpu_count() or 1))
    rate = len(times) / seconds
    numbers = [rate, statistics.median(times), statistics.quantiles(times, n=20)[-1], max(times)]
    cells = [str(rasas), str(options.families), str(len(times)), f"{numbers[0]:.1f}"]
    cells += [f"{number:.2f}" for number in [*numbers[1:], load, os.getloadavg()[0]]]
    print(" ".join(f"{cell:>11}" for cell in [*cells, f"{others:.0%}"]))
    each = ", ".join(f"{name} {used / len(times) * 1000:.0f}" for name, used in spent.items())
    print(f"{'':>11} processor's ms a turn: {sum(spent.values()) / len(times) * 1000:.0f} ({each})", flush=True)
    return rate


def _busy_seconds() -> float:
    """The processors' time that all programs of this machine have used. Of Linux only."""
    user, nice, system, _idle, _waiting, *interrupts = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


async def _talk(url: str, families: int, turns: int) -> tuple[float, list[float]]:
    """(seconds that it took, each turn's own seconds)."""
    async with Simulator(url) as simulator:
        everyone = [_Family(simulator, number) for number in range(families)]
        started = time.monotonic()
        times = await asyncio.gather(*(family.talk(turns) for family in everyone))
        return time.monotonic() - started, [seconds for some in times for seconds in some]


class _Family:
    """Asks, waits for the answer, asks again."""

    def __init__(self, simulator: Simulator, number: int) -> None:
        self._phone = simulator.phone(f"52155556{number:05}")
        self._next = number  # not everybody asks the same at the same moment

    async def talk(self, turns: int) -> list[float]:
        times = []
        for _ in range(turns):
            said = await self._phone.say(QUESTIONS[self._next % len(QUESTIONS)])
            self._next += 1
            times.append((await self._answer(said)).at - said.at)
        return times

    async def _answer(self, said: Bubble) -> Bubble:
        """Asked for rarely: the measuring must not be a part of what is measured."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(0.4)
            if found := [item for item in await self._phone.messages(said.seq) if item.direction == "out"]:
                return found[0]
        raise TimeoutError(f"no answer to {said.text!r} within {ANSWER_SECONDS} s")


if __name__ == "__main__":
    sys.exit(main())
