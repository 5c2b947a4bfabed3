"""Read JSON lines with ``text``, write each with what the assistant understood.

    python -m bot.understand IN OUT [--models models]

Adds ``intent``, ``confidence``, ``decision`` (``act``, or ``ask`` when the assistant would ask what was meant),
``second_intent`` when the message holds another request, ``alternatives`` and raw ``entities``; keys it does not
know stay. What the entities stand for and how urgent the message is, the other environment adds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any, Iterable, Iterator

os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FALLBACK = "nlu_fallback"


def newest_model(folder: Path) -> Path:
    """The last trained model, or a clear word that there is none."""
    models = sorted(folder.glob("*.tar.gz"), key=lambda p: p.stat().st_mtime)
    if not models:
        raise SystemExit(f"No hay ningún modelo entrenado en «{folder}». Ejecute antes: make train")
    return models[-1]


def result(parse: dict[str, Any]) -> dict[str, Any]:
    """What is asked of us, from Rasa's parse of one message."""
    ranking = [r for r in parse.get("intent_ranking", []) if r.get("name") != FALLBACK]
    best = ranking[0] if ranking else {"name": None, "confidence": 0.0}
    asked = parse.get("intent", {}).get("name") in (None, FALLBACK)
    second = parse.get("second_intent")
    return {
        "intent": best["name"],
        "confidence": round(float(best["confidence"]), 4),
        "decision": "ask" if asked else "act",
        "alternatives": [{"intent": r["name"], "confidence": round(float(r["confidence"]), 4)} for r in ranking[:3]],
        **({"second_intent": second["name"]} if second else {}),
        "entities": [{k: e[k] for k in ("entity", "value", "start", "end")} for e in parse.get("entities", [])],
    }


class Understanding:
    """A loaded model that parses text after text."""

    def __init__(self, model: Path) -> None:
        """Load the model; it takes some seconds."""
        import structlog
        from rasa.core.agent import Agent

        # Rasa's debug lines would print every message in full.
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        self._agent = Agent.load(str(model))

    def parse(self, texts: Iterable[str]) -> Iterator[dict[str, Any]]:
        """One result a text."""
        loop = asyncio.new_event_loop()
        try:
            for text in texts:
                if not text.strip():
                    yield {"intent": None, "confidence": 0.0, "decision": "ask", "alternatives": [], "entities": []}
                    continue
                # Rasa reads a leading slash as a command of its own; a person who types one means nothing by it.
                parse = loop.run_until_complete(self._agent.parse_message(text.lstrip("/") or text))
                shift = len(text) - len(text.lstrip("/")) if text.lstrip("/") else 0
                for entity in parse.get("entities", []):
                    entity["start"], entity["end"] = entity["start"] + shift, entity["end"] + shift
                yield result(parse)
        finally:
            loop.close()


def understand(source: Path, target: Path, models: Path) -> int:
    """Write the understood lines; returns how many."""
    lines = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines() if line.strip()]
    understanding = Understanding(newest_model(models))
    with target.open("w", encoding="utf-8") as out:
        for line, found in zip(lines, understanding.parse(str(item["text"]) for item in lines)):
            out.write(json.dumps({**line, **found}, ensure_ascii=False) + "\n")
    return len(lines)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Entiende mensajes: lee y escribe líneas JSON.")
    parser.add_argument("source", type=Path, metavar="IN")
    parser.add_argument("target", type=Path, metavar="OUT")
    parser.add_argument("--models", type=Path, default=Path("models"))
    options = parser.parse_args(arguments)
    count = understand(options.source, options.target, options.models)
    print(f"{count} mensajes entendidos en {options.target}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
