"""Posts mutated webhooks to the real edge application: no 5xx, no unhandled exception, everything kept.

    python benchmarks/fuzz_webhooks.py [count] [seed]      100,000 by default; the seed is printed

In process, on SQLite in a temporary folder (in memory where the system has such a folder). Exits 1 when a webhook got
anything but 200, and prints it.
"""

import asyncio
import secrets
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import structlog

from puente import settings as configuration
from puente.db import migrations
from tests.fuzz.edge import Edge
from tests.fuzz.webhooks import mutated

BATCH = 5000
MEMORY = Path("/dev/shm")


async def post(settings: configuration.Settings, count: int, seed: int) -> Counter[int]:
    bodies = mutated(seed, count)
    answers: Counter[int] = Counter()
    async with Edge(settings) as edge:
        while batch := list(islice(bodies, BATCH)):
            started = time.monotonic()
            found, refused = await edge.post_all(batch)
            answers += found
            rate = len(batch) / (time.monotonic() - started)
            print(f"{answers.total():>8} webhooks  {dict(answers)}  {rate:.0f}/s", flush=True)
            for body in refused:
                print("refused:", body[:2000])
    return answers


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else secrets.randbelow(10**6)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # what is refused is printed anyway
    print(f"seed {seed}: repeat with  python benchmarks/fuzz_webhooks.py {count} {seed}")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as home:
        settings = configuration.load({"PUENTE_HOME": home})
        migrations.upgrade(settings.puente_database_url)
        answers = asyncio.run(post(settings, count, seed))
    sys.exit(0 if set(answers) == {200} else 1)


if __name__ == "__main__":
    main()
