"""How the simulator misbehaves: probabilities, and scripts that the next requests follow one by one."""

import random
from typing import Annotated

import msgspec
from msgspec import Meta

Probability = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=600)]


class Step(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What happens to one sending request. An empty step means: answer well.

    `drop` is "after" (accepted, then the connection is cut) or "before" (cut without accepting).
    `failed_status` accepts the message and reports that code in a `failed` status afterwards.
    """

    http_status: Annotated[int, Meta(ge=400, le=599)] | None = None
    error: int | None = None
    slow: Seconds = 0
    drop: str | None = None
    status_before_response: bool = False
    failed_status: int | None = None

    def __post_init__(self) -> None:
        if self.drop not in (None, "before", "after"):
            raise ValueError('drop must be "before" or "after"')


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """Everything that `PUT /sim/faults` takes. Without any key the simulator behaves."""

    # Sending requests
    script: list[Step] = []  # the next sending requests follow these, one each; then the probabilities below
    http_5xx: Probability = 0
    errors: dict[str, Probability] = {}  # by Graph error code: {"130429": 0.05}
    slow: Probability = 0
    slow_seconds: Seconds = 3
    drop_after_accept: Probability = 0
    drop_before_accept: Probability = 0
    drop_seconds: Seconds = 0  # how long the connection hangs before it is cut
    failed_statuses: dict[str, Probability] = {}  # accepted, then `failed` with this code
    pair_rate: bool = False  # 131056 beyond a burst of 45 and 1 message each 6 s to one family
    number_rate: Annotated[int, Meta(ge=0)] = 0  # 130429 beyond so many requests a second; 0: no limit
    window_as_status: bool = False  # 131047 in a `failed` status instead of in the answer, as Meta often does

    # Files of families: asking for the address, then fetching the bytes
    media_404: Probability = 0  # fetching a media file fails
    media_expired: Probability = 0  # the address is dead when it is given
    media_wrong_bytes: Probability = 0  # other bytes than those that were sent
    media_too_large: Probability = 0  # described, and sent, as more than anybody keeps
    media_slow: Probability = 0
    media_slow_seconds: Seconds = 3

    # Webhooks
    duplicate_webhooks: Probability = 0
    reorder_webhooks: Probability = 0
    reorder_seconds: Seconds = 2  # an overtaken webhook arrives up to so much later
    batch_webhooks: Annotated[int, Meta(ge=1, le=1000)] = 1  # up to so many updates in one webhook
    batch_seconds: Seconds = 0.3  # how long a batch is collected
    slow_webhooks: Probability = 0
    slow_webhook_seconds: Seconds = 2

    # Statuses
    status_seconds: Seconds = 0.15  # between accepted, sent and delivered
    status_before_response: Probability = 0
    skip_statuses: Probability = 0
    duplicate_statuses: Probability = 0
    reverse_statuses: Probability = 0  # delivered comes before sent

    seed: int | None = None  # restarts the random numbers


class Chaos:
    """The faults in force and the seeded dice that decide about each request."""

    def __init__(self, seed: int | None = None) -> None:
        self.faults = Faults()
        self.seed = 0
        self._restart(seed)

    def set(self, faults: Faults) -> None:
        """Put `faults` in force; a seed in them restarts the dice."""
        self.faults = faults
        if faults.seed is not None:
            self._restart(faults.seed)
        faults.seed = self.seed

    def hits(self, probability: float) -> bool:
        """One throw of the dice. Probability 0 uses no number, so unused faults do not disturb a replay."""
        return probability > 0 and self._dice.random() < probability

    def spread(self, seconds: float) -> float:
        """A random part of `seconds`."""
        return self._dice.uniform(0, seconds)

    def next_step(self) -> Step:
        """What happens to the sending request that has just arrived."""
        faults = self.faults
        if faults.script:
            return faults.script.pop(0)
        drop = "after" if self.hits(faults.drop_after_accept) else None
        if drop is None and self.hits(faults.drop_before_accept):
            drop = "before"
        return Step(
            http_status=503 if self.hits(faults.http_5xx) else None,
            error=self._code(faults.errors),
            slow=faults.slow_seconds if self.hits(faults.slow) else 0,
            drop=drop,
            status_before_response=self.hits(faults.status_before_response),
            failed_status=self._code(faults.failed_statuses),
        )

    def _code(self, codes: dict[str, Probability]) -> int | None:
        return next((int(code) for code, probability in codes.items() if self.hits(probability)), None)

    def _restart(self, seed: int | None) -> None:
        self.seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
        self._dice = random.Random(self.seed)  # noqa: S311 - dice, no secret
