"""Does a turn cost more as a conversation grows? 300 messages in one conversation, straight to Rasa's channel.

    make run                                   (in another terminal)
    python benchmarks/long_conversation.py     [--url http://127.0.0.1:5005] [--messages 300]

The median of the last 50 turns must be at most 1.3 times that of the first 50. Exit code 1 otherwise. During the last
50, a new conversation says the same in turns with the long one: where other programs use the machine too, that ratio
tells growth from their noise.
"""

import argparse
import os
import statistics
import sys
import time
import uuid

import httpx

WARM_UP, WINDOW, LIMIT = 20, 50, 1.3
# Round and round, so that every window holds the same mix: small talk, questions, a form begun, interrupted and left.
SAID: list[tuple[str, str | None]] = [
    ("buenos días", None),
    ("no hay vincristina en la farmacia", None),
    ("en el hospital de prueba", None),
    ("y qué requisitos piden para donar sangre?", None),
    ("Cancelar", "/cancelar"),
    ("Sí", "/afirmar"),
    ("cómo va mi reporte", None),
    ("asdf qwer", None),
    ("¿es un robot?", None),
    ("muchas gracias", None),
]


def main() -> int:
    options = _options()
    headers = {"X-Puente-Token": os.environ.get("PUENTE_INTERNAL_TOKEN", "interno-desarrollo")}
    with httpx.Client(base_url=options.url, headers=headers, timeout=60, trust_env=False) as http:
        warm_up, long, new = (Conversation(http) for _ in range(3))
        for _ in range(WARM_UP):
            warm_up.turn()
        for _ in range(options.messages - WINDOW):
            long.turn()
        for _ in range(WINDOW):
            long.turn()
            new.turn()
    first, last, meanwhile = (statistics.median(took) for took in (long.took[:WINDOW], long.took[-WINDOW:], new.took))
    ratio = last / first
    print(
        f"{'messages':>9} {'first 50 (ms)':>14} {'last 50 (ms)':>13} {'ratio':>6} {'limit':>6} {'worst (ms)':>11}",
        end="",
    )
    print(f" {'new meanwhile (ms)':>19} {'ratio':>6}")
    print(
        f"{len(long.took):>9} {first:>14.1f} {last:>13.1f} {ratio:>6.2f} {LIMIT:>6.2f} {max(long.took):>11.1f}", end=""
    )
    print(f" {meanwhile:>19.1f} {last / meanwhile:>6.2f}")
    return 0 if ratio <= LIMIT else 1


class Conversation:
    """A new contact, and how long each of its turns took, in milliseconds."""

    def __init__(self, http: httpx.Client) -> None:
        self.took: list[float] = []
        self._http = http
        self._sender = f"banco-de-pruebas-{uuid.uuid4()}"

    def turn(self) -> None:
        number = len(self.took)
        text, payload = SAID[number % len(SAID)]
        message = {"sender": self._sender, "message_id": f"{self._sender}-{number}", "text": text, "payload": payload}
        start = time.perf_counter()
        response = self._http.post("/webhooks/puente/turn", json={**message, "metadata": {}})
        self.took.append((time.perf_counter() - start) * 1000)
        response.raise_for_status()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=f"http://127.0.0.1:{os.environ.get('RASA_PORT', '5005')}")
    parser.add_argument("--messages", type=int, default=300)
    options = parser.parse_args()
    if options.messages < 2 * WINDOW:
        parser.error(f"--messages must be at least {2 * WINDOW}")
    return options


if __name__ == "__main__":
    sys.exit(main())
