"""How long from the webhook of an alarm to the safe answer at WhatsApp, with Rasa and the action server dead?

    python benchmarks/alarm_latency.py     [--alarms 200] [--together 20]

Real processes, SQLite; times are the simulator's own: webhook sent, answer accepted. First one family at a time, then
many families at once. Floor: 95 of 100 within 1.5 s (exit code 1 otherwise).
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from simulator.driver import Simulator
from tests.stack import Stack

LIMIT = 1.5
ALARMS = (
    "mi niña trae 39 de calentura y esta en quimio",
    "no puede respirar bien y tiene los labios morados",
    "esta convulsionando ayuda",
    "le sangra la nariz desde hace una hora y no para",
    "no despierta lo muevo y no me contesta",
    "el cateter se le salio y le escurre sangre",
    "vomita todo y ya no orina desde ayer",
    "trae 38.5 y tiembla mucho",
)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--alarms", type=int, default=200)
    parser.add_argument("--together", type=int, default=20, help="families at once in the second half")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, Stack(Path(home), watching=False) as stack:
        for name in ("rasa", "actions"):
            stack.kill(name)
        return asyncio.run(measure(stack.simulator_url, options.alarms, options.together))


async def measure(url: str, alarms: int, together: int) -> int:
    """Print both rows; 1 when a floor is missed."""
    print(f"{'families at once':>17} {'alarms':>7} {'median s':>9} {'p95 s':>7} {'worst s':>8}")
    missed = 0
    async with Simulator(url) as simulator:
        for start, at_once in ((0, 1), (alarms, together)):
            times: list[float] = []
            for first in range(start, start + alarms, at_once):
                people = range(first, min(first + at_once, start + alarms))
                times += await asyncio.gather(*(one(simulator, person) for person in people))
            p95 = statistics.quantiles(times, n=20)[-1]
            missed += p95 > LIMIT
            print(f"{at_once:17} {len(times):7} {statistics.median(times):9.3f} {p95:7.3f} {max(times):8.3f}")
    return int(bool(missed))


async def one(simulator: Simulator, person: int) -> float:
    """Seconds until the safe answer of one alarm."""
    phone = simulator.phone(f"52155555{person:05}")
    said = await phone.say(ALARMS[person % len(ALARMS)])
    (answer, *_) = await phone.replies(said, settle=0)
    assert "911" in answer.text, answer.text
    return answer.at - said.at


if __name__ == "__main__":
    sys.exit(main())
