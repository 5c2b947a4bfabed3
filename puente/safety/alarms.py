"""What follows an alarm: the safe answer at once, and a case of top priority, in the gate's own transaction."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.cases import service as cases
from puente.cases.models import CLOSED, Case
from puente.knowledge import texts
from puente.messages import outbox
from puente.messages.models import SYSTEM, Message
from puente.safety.gate import CERTAIN, Verdict
from puente.whatsapp.compose import Reply

EPISODE = timedelta(hours=6)  # alarms of one family this close together are one case


async def answer(session: AsyncSession, message: Message, verdict: Verdict, now: datetime) -> None:
    """Answer the family and, when the alarm is certain, open or raise the case of this episode."""
    if verdict.tier == CERTAIN:
        reply: Reply = {"text": safe_answer(verdict)}
        await raise_case(session, message, verdict.kind, now)
    else:
        reply = {
            "text": texts.get("pregunta_urgencia"),
            "buttons": [
                {"title": "Sí, ahora", "payload": "/urgencia_medica"},
                {"title": "No", "payload": "/negar"},
            ],
        }
    await outbox.write_turn(session, message.contact_id, [reply], now=now, turn_id=message.id, author=SYSTEM)


def safe_answer(verdict: Verdict) -> str:
    """What a family in danger reads at once."""
    return texts.get("crisis_emocional" if verdict.kind == "suicidio" else "urgencia_medica")


async def raise_case(session: AsyncSession, message: Message, sign: str | None, now: datetime) -> Case:
    """The case of this episode: opened by its first alarm; later alarms add their words to it."""
    kind = "crisis" if sign == "suicidio" else "urgencia"
    recent = (
        select(Case)
        .where(
            Case.contact_id == message.contact_id,
            Case.kind == kind,
            Case.status.not_in(CLOSED),
            Case.created_at > now - EPISODE,
        )
        .order_by(Case.id.desc())
        .limit(1)
    )
    case = (await session.execute(recent)).scalar_one_or_none()
    if case is not None:
        await cases.add_note(
            session, case, actor="familia", note=message.text or "", source_wamid=message.wamid, now=now
        )
        return case
    new = cases.NewCase(
        contact_id=message.contact_id,
        kind=kind,
        source_wamid=message.wamid or "",
        detail=message.text or "",
        facts={},
        priority="critica",
    )
    return await cases.open_case(session, new, now)
