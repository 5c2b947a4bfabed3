# environment: bot
"""How long understanding one message takes, warm, the way the channel does it, and how much memory that needs.

    bot/.venv/bin/python benchmarks/parse_time.py [--rounds 1] [--models models]

Every message of tests/data/heldout.jsonl goes alone through the trained pipeline (`processor.parse_message`, then the
channel's own `as_parse`), after a few that only warm it up. Catalogue look-ups and the safety gate run in the other
environment and are not part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import resource
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # config.yml names classes in bot/
# As puente/assistant.py starts Rasa.
os.environ.update(
    RASA_TELEMETRY_ENABLED="false", TF_CPP_MIN_LOG_LEVEL="3", TF_INTER_OP_PARALLELISM_THREADS="1",
    TF_INTRA_OP_PARALLELISM_THREADS="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1",
)  # fmt: skip

WARM_UP = 30


async def measure(models: Path, texts: list[str], rounds: int) -> tuple[list[float], list[float], float, int]:
    """Milliseconds of every parse by the clock and of the processor, seconds to load, messages with two requests."""
    import structlog
    from rasa.core.agent import Agent
    from rasa.core.channels.channel import UserMessage

    from bot.channel import NAME, as_parse
    from bot.understand import newest_model

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    started = time.perf_counter()
    agent = Agent.load(str(newest_model(models)))
    loading = time.perf_counter() - started
    if agent.processor is None:
        raise SystemExit("The model has no processor: it was trained without its language part.")
    for text in texts[:WARM_UP]:
        await agent.processor.parse_message(UserMessage(text, input_channel=NAME))
    times, busy, doubles = [], [], 0
    for text in texts * rounds:
        begin, begin_busy = time.perf_counter(), time.process_time()
        parse = as_parse(dict(await agent.processor.parse_message(UserMessage(text, input_channel=NAME))))
        times.append((time.perf_counter() - begin) * 1000)
        busy.append((time.process_time() - begin_busy) * 1000)
        doubles += "second_intent" in parse
    return times, busy, loading, doubles // rounds


def main() -> None:
    """Print the numbers as one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    options = parser.parse_args()
    lines = (ROOT / "tests" / "data" / "heldout.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines if line.strip()]
    times, busy, loading, doubles = asyncio.run(measure(options.models, texts, options.rounds))
    report = {
        "messages": len(texts),
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
        "processor_median_ms": round(statistics.median(busy), 2),  # what a busy machine does not falsify
        "processor_p95_ms": round(statistics.quantiles(busy, n=20)[-1], 2),
        "slowest_ms": round(max(times), 1),
        "with_two_requests": doubles,
        "load_seconds": round(loading, 1),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "load_of_the_machine": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
