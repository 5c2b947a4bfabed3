"""What follows the gate's verdict: the safe answer or one question, the case of the episode, people alerted.

Everything happens in the gate's own transaction, without Rasa and without the action server.
"""

import re
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.cases import service as cases
from puente.cases.models import Case
from puente.knowledge import texts
from puente.knowledge.spelling import plain
from puente.messages import outbox, queue
from puente.messages.age import spanish_span
from puente.messages.models import SYSTEM, Message
from puente.safety import duty
from puente.safety.gate import CERTAIN, NONE, Verdict
from puente.safety.models import ASKED, CONFIRMED, DISMISSED, Alarm
from puente.whatsapp.compose import Reply

EPISODE = timedelta(hours=6)  # alarms of one family this close together are one case
ANSWER_WITHIN = timedelta(minutes=3)  # a grave sign that was asked about counts as certain after this silence
ALERT_AGAIN = {"911": timedelta(minutes=3), "urgencias": timedelta(minutes=10), "llamar": timedelta(hours=1)}
MAX_ALERTS = 12
LATE = timedelta(hours=1)  # an answer that comes so late says which message it answers
YES, NO, GO_ON = "alarma:si", "alarma:no", "alarma:seguir"
SUICIDE = "suicidio"

_YES = re.compile(r"^(sii*|simon|sip|ahora|ahorita|claro|asi es|en este momento|correcto)\b")
_NO = re.compile(r"^(noo*|nel|para nada|ya no|ya paso|fue (ayer|antes)|(solo|nomas) (era|es) (una )?(duda|pregunta))\b")


async def consider(session: AsyncSession, message: Message, verdict: Verdict, now: datetime) -> None:
    """Act on one inbound message. Sets `resume` in its `safety` when it hands an earlier message to the dialogue."""
    asked = await _open_question(session, message.contact_id)
    said = _reply_to_question(message) if asked else None
    if asked and (said == YES or verdict.tier == CERTAIN):
        await _confirm(session, asked, message, verdict if verdict.tier == CERTAIN else None, "familia", now)
        _handled(message)
    elif asked and said == NO:
        _decide(asked, DISMISSED, "familia", now)
        _resume(message, asked.message_id)
    elif verdict.tier == CERTAIN:
        await _certain(session, message, verdict, now)
        _handled(message)
    elif verdict.tier != NONE and not asked:
        await _possible(session, message, verdict, now)
    elif _button(message) == GO_ON:
        await _go_on(session, message)
    elif _button(message) == YES:
        await _late_yes(session, message, now)


async def second_net(session: AsyncSession, message: Message, kind: str, now: datetime) -> Reply | None:
    """The dialogue understood an alarm that the gate did not see: ask. None when this family was asked already."""
    if await _open_question(session, message.contact_id) or await _episode(session, message.contact_id, now):
        return None
    return await _ask(session, message, kind, now)


async def expire(session: AsyncSession, contact_id: str, now: datetime) -> None:
    """A question that got no answer in time: certain when the sign is grave, else dismissed."""
    asked = await _open_question(session, contact_id)
    if asked is None or asked.opened_at + ANSWER_WITHIN > now:
        return
    if duty.level_of(asked.kind).grave:
        await _confirm(session, asked, await session.get_one(Message, asked.message_id), None, "tiempo", now)
    else:
        _decide(asked, DISMISSED, "tiempo", now)


async def alert_again(session: AsyncSession, contact_id: str, now: datetime) -> None:
    """Alert people on duty about every alarm of this contact that nobody has taken in time."""
    for alarm in await _untaken(session, contact_id):
        if alarm.next_alert_at and alarm.next_alert_at <= now:
            await _alert(session, alarm, now)


async def next_work_at(session: AsyncSession, contact_id: str) -> datetime | None:
    """When this contact's alarms need attention next, or None."""
    asked = await _open_question(session, contact_id)
    moments = [alarm.next_alert_at for alarm in await _untaken(session, contact_id) if alarm.next_alert_at]
    if asked:
        moments.append(asked.opened_at + ANSWER_WITHIN)
    return min(moments, default=None)


async def untaken(session: AsyncSession) -> list[Alarm]:
    """Every confirmed alarm that nobody has taken, the gravest and longest waiting first."""
    query = select(Alarm).where(Alarm.state == CONFIRMED, Alarm.taken_at.is_(None)).order_by(Alarm.opened_at)
    return sorted((await session.execute(query)).scalars(), key=lambda alarm: duty.LEVELS.index(alarm.level))


async def take(session: AsyncSession, contact_id: str, *, by: str, now: datetime) -> int:
    """A person takes care of the contact's open alarms. Returns how many there were."""
    open_alarms = await _untaken(session, contact_id)
    for alarm in open_alarms:
        alarm.taken_at, alarm.taken_by, alarm.next_alert_at = now, by, None
    return len(open_alarms)


def safe_answer(kind: str | None) -> str:
    """What a family in danger reads at once."""
    if kind == SUICIDE:
        return texts.get("crisis_emocional")
    level = duty.level_of(kind).level
    return texts.get({"911": "urgencia_911", "llamar": "urgencia_llamar"}.get(level, "urgencia_medica"))


async def _certain(session: AsyncSession, message: Message, verdict: Verdict, now: datetime) -> None:
    alarm = await _episode(session, message.contact_id, now)
    if alarm is None or (alarm.kind == SUICIDE) != (verdict.kind == SUICIDE):
        alarm = _new(message, verdict.kind, CONFIRMED, now)
        alarm.decided_at, alarm.decided_by = now, "compuerta"
        session.add(alarm)
        await session.flush()
    else:
        _raise_level(alarm, verdict.kind)
    await _answer_and_alert(session, alarm, message, verdict.kind, now)


async def _possible(session: AsyncSession, message: Message, verdict: Verdict, now: datetime) -> None:
    alarm = await _episode(session, message.contact_id, now)
    if alarm is not None:  # help is on its way already: her words go to those who help, she is not questioned
        await _note_on_case(session, alarm, message, now)
        return
    reply = await _ask(session, message, verdict.kind, now)
    await _write(session, message, reply, now)
    _handled(message)


async def _ask(session: AsyncSession, message: Message, kind: str | None, now: datetime) -> Reply:
    session.add(_new(message, kind, ASKED, now))
    await session.flush()
    await queue.enqueue(session, queue.ALARM, message.contact_id, now + ANSWER_WITHIN)
    buttons = [{"title": "Sí, ahora", "payload": YES}, {"title": "No", "payload": NO}]
    text = texts.get("pregunta_crisis" if kind == SUICIDE else "pregunta_urgencia")
    return {"text": text, "buttons": buttons}


async def _confirm(
    session: AsyncSession, alarm: Alarm, message: Message, verdict: Verdict | None, by: str, now: datetime
) -> None:
    _decide(alarm, CONFIRMED, by, now)
    if verdict is not None:
        _raise_level(alarm, verdict.kind)
    await session.flush()
    await _answer_and_alert(session, alarm, message, verdict.kind if verdict else alarm.kind, now)


async def _answer_and_alert(
    session: AsyncSession, alarm: Alarm, message: Message, kind: str | None, now: datetime
) -> None:
    reply = {"text": safe_answer(kind), "buttons": [{"title": "Seguir con lo mío", "payload": GO_ON}]}
    await _write(session, message, reply, now)
    if alarm.case_id is None:
        alarm.case_id = (await _open_case(session, alarm, message, now)).id
        await _alert(session, alarm, now)
    else:
        await _note_on_case(session, alarm, message, now)


async def _open_case(session: AsyncSession, alarm: Alarm, message: Message, now: datetime) -> Case:
    new = cases.NewCase(
        contact_id=alarm.contact_id,
        kind="crisis" if alarm.kind == SUICIDE else "urgencia",
        source_wamid=message.wamid or "",
        detail=alarm.words,
        facts={"sintoma": {"valor": duty.level_of(alarm.kind).name, "dicho": alarm.words}},
        priority="critica",
    )
    return await cases.open_case(session, new, now)


async def _note_on_case(session: AsyncSession, alarm: Alarm, message: Message, now: datetime) -> None:
    if alarm.case_id is not None:
        case = await session.get_one(Case, alarm.case_id)
        await cases.add_note(
            session, case, actor="familia", note=message.text or "", source_wamid=message.wamid, now=now
        )


async def _alert(session: AsyncSession, alarm: Alarm, now: datetime) -> None:
    alarm.alerts += 1
    await duty.alert(session, alarm, now)
    alarm.next_alert_at = now + ALERT_AGAIN[alarm.level] if alarm.alerts < MAX_ALERTS else None
    if alarm.next_alert_at:
        await queue.enqueue(session, queue.ALARM, alarm.contact_id, alarm.next_alert_at)


async def _write(session: AsyncSession, message: Message, reply: Reply, now: datetime) -> None:
    if now - message.sent_at > LATE:
        apology = texts.get("alarma_atrasada").format(tiempo=spanish_span(now - message.sent_at))
        reply = {**reply, "text": f"{apology}\n\n{reply['text']}"}
    await outbox.write_turn(session, message.contact_id, [reply], now=now, turn_id=message.id, author=SYSTEM)


async def _go_on(session: AsyncSession, message: Message) -> None:
    """ "Seguir con lo mío": the dialogue takes up the message that raised the last alarm."""
    query = select(Alarm).where(Alarm.contact_id == message.contact_id).order_by(Alarm.id.desc()).limit(1)
    alarm = (await session.execute(query)).scalar_one_or_none()
    if alarm is not None:
        _resume(message, alarm.message_id)


async def _late_yes(session: AsyncSession, message: Message, now: datetime) -> None:
    """ "Sí, ahora" to a question that time has decided: a yes is never only explained away."""
    query = select(Alarm).where(Alarm.contact_id == message.contact_id, Alarm.opened_at > now - EPISODE)
    alarm = (await session.execute(query.order_by(Alarm.id.desc()).limit(1))).scalar_one_or_none()
    if alarm is None or alarm.decided_by == "familia":
        return
    if alarm.state == DISMISSED:
        await _confirm(session, alarm, message, None, "familia", now)
    else:
        await _note_on_case(session, alarm, message, now)
        await _write(session, message, {"text": safe_answer(alarm.kind)}, now)
    _handled(message)


async def _open_question(session: AsyncSession, contact_id: str) -> Alarm | None:
    # Locked: the gate and the alarm lane may come to decide the same question at the same moment.
    query = select(Alarm).where(Alarm.contact_id == contact_id, Alarm.state == ASKED).with_for_update()
    return (await session.execute(query)).scalar_one_or_none()


async def _episode(session: AsyncSession, contact_id: str, now: datetime) -> Alarm | None:
    query = (
        select(Alarm)
        .where(Alarm.contact_id == contact_id, Alarm.state == CONFIRMED, Alarm.opened_at > now - EPISODE)
        .order_by(Alarm.id.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def _untaken(session: AsyncSession, contact_id: str) -> list[Alarm]:
    query = (
        select(Alarm)
        .where(Alarm.contact_id == contact_id, Alarm.state == CONFIRMED, Alarm.taken_at.is_(None))
        .with_for_update()
    )
    return list((await session.execute(query)).scalars())


def _new(message: Message, kind: str | None, state: str, now: datetime) -> Alarm:
    return Alarm(
        contact_id=message.contact_id,
        message_id=message.id,
        kind=kind or "desconocido",
        level=duty.level_of(kind).level,
        state=state,
        words=message.text or "",
        opened_at=now,
        alerts=0,
    )


def _raise_level(alarm: Alarm, kind: str | None) -> None:
    """A graver sign in the same episode makes the whole episode graver."""
    if duty.LEVELS.index(duty.level_of(kind).level) < duty.LEVELS.index(alarm.level):
        alarm.level, alarm.kind = duty.level_of(kind).level, kind or alarm.kind


def _decide(alarm: Alarm, state: str, by: str, now: datetime) -> None:
    alarm.state, alarm.decided_by, alarm.decided_at = state, by, now


def _reply_to_question(message: Message) -> str | None:
    button = _button(message)
    if button in (YES, NO):
        return button
    words = plain(message.text or "").strip(" .,!¡¿?")
    if len(words.split()) > 6:
        return None
    return YES if _YES.match(words) else NO if _NO.match(words) else None


def _button(message: Message) -> str | None:
    payload = message.payload or {}
    reply = (payload.get("interactive") or {}).get("button_reply") or {}
    button: str | None = reply.get("id")
    return button


def _handled(message: Message) -> None:
    """The gate has answered: the dialogue does not get this message (unless the family goes back to it)."""
    message.safety = {**(message.safety or {}), "handled": True}


def _resume(message: Message, earlier_id: int) -> None:
    message.safety = {**(message.safety or {}), "resume": earlier_id}
