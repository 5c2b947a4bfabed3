"""Carries out a plan: families write through the simulator while the processes are killed and started again."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx

from puente.db import TROUBLE, Database
from simulator.driver import Bubble, Phone, Simulator, SimulatorError
from tests.chaos import evidence
from tests.chaos.plan import DATABASE, Kill, Line, Plan
from tests.chaos.servers import ChaosStack, Postgres

LOOK_SECONDS = 0.3
QUIET_LOOKS = 4  # so many looks in a row that find nothing to do
QUIET_SECONDS = 0.7  # between them


@dataclass
class Run:
    """A run under way."""

    plan: Plan
    stack: ChaosStack
    database: Database
    simulator: Simulator
    postgres: Postgres | None = None
    written: int = 0
    done: int = 0  # of those, as far as the last look knew
    killed: dict[str, int] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)  # what was done to the processes, and when
    began: float = field(default_factory=time.monotonic)

    async def play(self) -> None:
        """Everything that is planned, until nothing is left to do. Raises TimeoutError at the plan's deadline."""
        await self.simulator.faults(**self.plan.faults)
        async with asyncio.timeout(self.plan.size.deadline):
            async with asyncio.TaskGroup() as group:
                for work in [*self._families(), *self._reapers(), self._watch()]:
                    group.create_task(work)
            await self._until_quiet()

    # ------------------------------------------------------------------------------------------ the families

    def _families(self) -> list[Coroutine[Any, Any, None]]:
        return [self._family(wa_id, lines) for wa_id, lines in self.plan.families.items()]

    async def _family(self, wa_id: str, lines: list[Line]) -> None:
        phone, pressed = self.simulator.phone(wa_id), set[str]()
        for line in lines:
            said = await self._write(phone, line, pressed)
            self.written += 1
            await _until_answered(phone, said, line.patience)

    async def _write(self, phone: Phone, line: Line, pressed: set[str]) -> Bubble:
        """Press what `line` names if a message not pressed yet offers it; else write its words."""
        if line.press:
            offers = [bubble.id for bubble in await phone.messages() if line.press in bubble.titles]
            if offers and offers[-1] not in pressed:
                pressed.add(offers[-1])
                return await phone.press(line.press, of=offers[-1])
        return await phone.say(line.text)

    # ----------------------------------------------------------------------------------------- the processes

    def _reapers(self) -> list[Coroutine[Any, Any, None]]:
        processes = dict.fromkeys(kill.process for kill in self.plan.kills)
        return [self._reap([kill for kill in self.plan.kills if kill.process == name]) for name in processes]

    async def _reap(self, kills: list[Kill]) -> None:
        """Kill one process again and again, each time once it works: killing what is still loading proves little."""
        for kill in kills:
            while self.done < kill.after:
                await asyncio.sleep(LOOK_SECONDS)
            await asyncio.sleep(kill.delay)
            self._note(f"{kill.process} killed")
            await (self._crash_database(kill) if kill.process == DATABASE else self._crash(kill))
            self.killed[kill.process] = self.killed.get(kill.process, 0) + 1
            self._note(f"{kill.process} works again")

    async def _crash(self, kill: Kill) -> None:
        await asyncio.to_thread(self.stack.kill, kill.process)
        await asyncio.sleep(kill.away)
        self.stack.start(kill.process)
        await self.stack.wait_for(kill.process)

    async def _crash_database(self, kill: Kill) -> None:
        assert self.postgres is not None  # the plan has asked
        await asyncio.to_thread(self.postgres.crash)
        await asyncio.sleep(kill.away)
        await asyncio.to_thread(self.postgres.start)

    async def _watch(self) -> None:
        """Count what is done; and nothing may end by itself, whatever happens to the others."""
        while self.done < self.plan.size.messages:
            self._check_nothing_ended()
            with contextlib.suppress(*TROUBLE):
                self.done = await evidence.done(self.database)
            await asyncio.sleep(LOOK_SECONDS)

    def _check_nothing_ended(self) -> None:
        for name in self.stack.ended():
            raise RuntimeError(f"{name} ended, and nobody had killed it:\n{self.stack.log(name)[-3000:]}")

    def _note(self, what: str) -> None:
        self.story.append(f"{time.monotonic() - self.began:6.1f} s, {self.written} written, {self.done} done: {what}")

    # --------------------------------------------------------------------------------------------- the quiet

    async def _until_quiet(self) -> None:
        """Return when neither WhatsApp nor Puente has anything left to do."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            self._check_nothing_ended()
            quiet = quiet + 1 if await self._is_quiet() else 0
            await asyncio.sleep(QUIET_SECONDS)

    async def _is_quiet(self) -> bool:
        try:
            pending = (await self.simulator.call("GET", "/sim/webhooks"))["pending"]
            return not pending and not await evidence.unfinished(self.database)
        except TROUBLE:
            return False


async def _until_answered(phone: Phone, said: Bubble, patience: float) -> None:
    """Wait for something new on the phone, at most as long as this family would."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        await asyncio.sleep(min(LOOK_SECONDS, max(0.0, deadline - time.monotonic())))
        try:
            if any(bubble.direction == "out" for bubble in await phone.messages(said.seq)):
                return
        except (httpx.HTTPError, SimulatorError):
            continue
