"""Messages that are hours old when the dialogue gets to them: acknowledged once and given to a person.

Answering them as if they were new would ask and promise things that time has overtaken.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from puente import log
from puente.contacts import service as contacts
from puente.contacts.models import Contact
from puente.knowledge import texts
from puente.messages import outbox
from puente.messages.age import spanish_span
from puente.messages.models import SYSTEM, Message

AREA = "atencion_derechohabiente"
MOST_QUOTED, LONGEST_QUOTE = 12, 300
SHOWN = {"image": "[foto]", "video": "[video]", "audio": "[nota de voz]", "document": "[documento]"}
logger = log.get("inbox")


async def give_to_a_person(
    session: AsyncSession, contact: Contact, rows: Sequence[Message], now: datetime, texts_now: Sequence[str | None]
) -> None:
    """All of a contact's late messages are done: one acknowledgement, one handoff with what they say."""
    age = spanish_span(now - rows[0].sent_at)
    logger.warning("late messages go to a person", contact=contact.id, messages=len(rows))
    quotes = [_quoted(row, text) for row, text in zip(rows, texts_now, strict=True)]
    shown = " / ".join(quotes[:MOST_QUOTED]) + (" / …" if len(quotes) > MOST_QUOTED else "")
    count = "1 mensaje" if len(rows) == 1 else f"{len(rows)} mensajes"
    reason = f"{count} de hace {age} que no se pudieron atender a tiempo: {shown}"
    await contacts.request_handoff(session, contact.id, area=AREA, reason=reason, now=now)
    reply = {"text": texts.get("mensajes_atrasados").format(tiempo=age)}
    await outbox.write_turn(session, contact.id, [reply], now=now, turn_id=rows[-1].id, author=SYSTEM)
    for row in rows:
        row.status, row.done_at, row.turn_id = "done", now, rows[-1].id


def is_late(message: Message, now: datetime, after: timedelta) -> bool:
    """Whether too much time has passed since the family wrote it."""
    return now - message.sent_at > after


def _quoted(row: Message, text: str | None) -> str:
    words = f"«{text[:LONGEST_QUOTE]}»" if text else ""
    return " ".join(filter(None, [SHOWN.get(row.type, "" if text else f"[{row.type}]"), words]))
