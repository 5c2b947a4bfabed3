"""What the tests of the lanes share: a clock that moves when told, and a Puente in miniature."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from puente import clock
from puente.contacts.models import Contact
from puente.db import Database
from puente.dispatch import bursts, gate, inbox, media, sender
from puente.dispatch.presence import Presence
from puente.dispatch.rasa import Rasa
from puente.media.store import Folder
from puente.messages import queue
from puente.messages.models import Message, QueueEntry
from puente.settings import Settings
from puente.whatsapp import ingest
from puente.whatsapp.client import WhatsApp
from puente.whatsapp.media import MediaFiles
from tests import fake_whatsapp as wa
from tests.fake_media import FakeMedia


class Time:
    """The time of a test."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)

    def pass_(self, **span: float) -> None:
        self.now += timedelta(**span)


class Assistant:
    """Rasa's side of `POST /webhooks/puente/turn`: echoes, unless `behave` is set. Idempotent, as the real one."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.behave: Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]] | None = None

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    @property
    def texts(self) -> list[str]:
        """What it was told, in order, without the retries of a message."""
        return list({call["message_id"]: call["text"] for call in self.calls}.values())

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        call = httpx.Response(200, content=request.content).json()
        self.calls.append(call)
        if self.behave:
            answer = self.behave(request)
            return answer if isinstance(answer, httpx.Response) else await answer
        return says(f"eco: {call['text']}")


def says(*texts: str, **more: Any) -> httpx.Response:
    """An answer of the assistant."""
    parse = {"intent": {"name": "informar", "confidence": 0.9}, "entities": []}
    return httpx.Response(200, json={"replies": [{"text": text, **more} for text in texts], "parse": parse})


class Miniature:
    """Edge, queue, lanes and outbox over a real database, with WhatsApp and Rasa played by the test."""

    def __init__(self, database: Database, settings: Settings, time: Time) -> None:
        self.database, self.time = database, time
        self.graph, self.rasa, self.files = wa.Graph(), Assistant(), FakeMedia()
        self._settings = settings
        self.store = Folder(settings.media_folder)
        self.start_worker("trabajador-1")

    def start_worker(self, name: str) -> None:
        """Work goes on as another worker; what the one before left behind stays as it is."""
        self.worker = name
        self.gate = gate.GateLane(self.database, name)
        self.alarm = gate.AlarmLane(self.database, name)
        whatsapp = WhatsApp(self._settings, self.graph.transport)
        self.presence = Presence(whatsapp)
        late_after = timedelta(hours=self._settings.puente_backlog_hours)
        rasa = Rasa(self._settings, self.rasa.transport)
        self.inbox = inbox.InboxLane(self.database, rasa, name, self.presence, late_after)
        files = MediaFiles(self._settings, self.files.transport)
        self.media = media.MediaLane(self.database, files, self.store, self._settings, name)
        self.outbox = sender.OutboxLane(self.database, whatsapp, name)

    async def receive(self, *items: wa.Item, statuses: list[wa.Item] | None = None) -> None:
        """A webhook arrives."""
        values = [wa.value(messages=list(items))] if items else []
        values += [wa.value(statuses=statuses)] if statuses else []
        async with self.database.transaction() as session:
            await ingest.store(session, wa.webhook(*values), self.time.now)

    async def say(self, text: str, **more: Any) -> str:
        """The family writes. Returns the message's wamid."""
        item = wa.text(text, **{"at": self.time.now, **more})
        await self.receive(item)
        return str(item["id"])

    async def work(self, *lanes: str) -> None:
        """Let the worker do everything that can be done at this moment."""
        works = {
            queue.GATE: self.gate.work,
            queue.ALARM: self.alarm.work,
            queue.INBOX: self.inbox.work,
            queue.MEDIA: self.media.work,
            queue.OUTBOX: self.outbox.work,
        }
        busy = True
        while busy:
            busy = False
            for lane in lanes or works:
                for contact_id in await self.claim(lane):
                    busy = True
                    await works[lane](contact_id)

    async def claim(self, lane: str) -> list[str]:
        """Contacts that are ready in a lane, leased to the worker."""
        async with self.database.transaction() as session:
            return await queue.claim(session, lane, self.worker, limit=10, seconds=60, now=self.time.now)

    async def work_until_quiet(self, limit: timedelta = timedelta(hours=30)) -> None:
        """Work, and let time pass, until nothing waits any more."""
        end = self.time.now + limit
        await self.work()
        while (moment := await self._next_moment()) is not None and moment <= end:
            assert moment > self.time.now, "work that is ready and that no lane does"
            self.time.now = moment
            await self.work()

    async def _next_moment(self) -> datetime | None:
        async with self.database.reading() as session:
            waiting = (await session.execute(select(QueueEntry))).scalars().all()
        moments = [max(entry.ready_at, (entry.leased_until or entry.ready_at)) for entry in waiting]
        return min(moments, default=None) and min(moments) + timedelta(milliseconds=1)

    async def messages(self, direction: str) -> list[Message]:
        async with self.database.reading() as session:
            query = select(Message).where(Message.direction == direction).order_by(Message.id)
            return list((await session.execute(query)).scalars())

    async def contact(self) -> Contact:
        async with self.database.reading() as session:
            return (await session.execute(select(Contact))).scalar_one()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(clock, "utcnow", lambda: time.now)
    return time


@pytest.fixture
def puente(database: Database, settings: Settings, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Miniature]:
    """Without the moment's patience for more of a burst, which would stop the clock of most tests (test_bursts.py)."""
    monkeypatch.setattr(bursts, "PATIENCE", timedelta(0))
    puente = Miniature(database, settings, time)
    yield puente
    assert puente.graph.wrong == [], "what was posted to WhatsApp breaks its rules, or ours"
