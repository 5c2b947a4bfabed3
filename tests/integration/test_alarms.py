"""What follows an alarm: answered at once, one case an episode, people alerted until one takes it, nothing lost."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from puente.cases import service as case_service
from puente.cases.models import Case
from puente.contacts import service as contacts
from puente.knowledge import texts
from puente.safety import alarms, duty, gate
from puente.safety.gate import Verdict
from puente.safety.models import ASKED, CONFIRMED, DISMISSED, Alarm
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature

QUESTION = texts.get("pregunta_urgencia")
GO_TO_HOSPITAL = texts.get("urgencia_medica")
CALL_911 = texts.get("urgencia_911")


@pytest.fixture(autouse=True)
def scripted_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about what follows a verdict: words stand for verdicts."""
    verdicts = {
        "FIEBRE": Verdict(gate.CERTAIN, "fiebre", 0.99),
        "CONVULSION": Verdict(gate.CERTAIN, "conciencia", 0.99),
        "QUIERE MORIR": Verdict(gate.CERTAIN, "suicidio", 0.99),
        "TAL VEZ": Verdict(gate.POSSIBLE, "fiebre", 0.5),
        "VARICELA": Verdict(gate.POSSIBLE, "contagio", 0.5),
    }

    def decide(text: str) -> Verdict:
        return next((verdict for word, verdict in verdicts.items() if word in text), Verdict(gate.NONE))

    monkeypatch.setattr(gate, "decide", decide)


async def _alarms(puente: Miniature) -> list[Alarm]:
    async with puente.database.reading() as session:
        return list((await session.execute(select(Alarm).order_by(Alarm.id))).scalars())


async def _cases(puente: Miniature) -> list[Case]:
    async with puente.database.reading() as session:
        return list((await session.execute(select(Case).order_by(Case.id))).scalars())


def _templates(puente: Miniature) -> list[wa.Item]:
    return [body for body in puente.graph.accepted if body["type"] == "template"]


async def _press(puente: Miniature, button_id: str, title: str) -> None:
    await puente.receive(wa.button(button_id, title, at=puente.time.now))
    await puente.work()


async def test_a_certain_alarm_as_the_first_message_ever_is_answered_and_opens_a_case(puente: Miniature) -> None:
    await puente.say("FIEBRE de mi niño")
    await puente.work()
    assert puente.graph.texts == [GO_TO_HOSPITAL]
    (case,) = await _cases(puente)
    assert (case.kind, case.priority, case.area) == ("urgencia", "critica", "atencion_medica")
    assert case.detail == "FIEBRE de mi niño"
    (alarm,) = await _alarms(puente)
    assert (alarm.state, alarm.level, alarm.decided_by) == (CONFIRMED, "urgencias", "compuerta")


async def test_danger_of_life_is_told_to_call_911(puente: Miniature) -> None:
    await puente.say("CONVULSION")
    await puente.work()
    assert puente.graph.texts == [CALL_911]


async def test_a_writer_in_danger_gets_the_warm_answer_and_a_case_of_social_work(puente: Miniature) -> None:
    await puente.say("QUIERE MORIR")
    await puente.work()
    assert puente.graph.texts == [texts.get("crisis_emocional")]
    (case,) = await _cases(puente)
    assert (case.kind, case.area) == ("crisis", "trabajo_social")


async def test_five_alarms_in_a_row_are_five_answers_one_case_and_one_alert(puente: Miniature) -> None:
    for number in range(5):
        await puente.say(f"FIEBRE {number}")
    await puente.work()
    assert puente.graph.texts == [GO_TO_HOSPITAL] * 5
    (case,) = await _cases(puente)
    (alarm,) = await _alarms(puente)
    assert alarm.alerts == 1
    async with puente.database.reading() as session:
        notes = [event.note for event in await case_service.history(session, case.id) if event.event == "nota"]
    assert notes == [f"FIEBRE {number}" for number in range(1, 5)]


async def test_a_graver_sign_raises_the_level_of_the_episode(puente: Miniature) -> None:
    await puente.say("FIEBRE")
    await puente.say("CONVULSION")
    await puente.work()
    (alarm,) = await _alarms(puente)
    assert (alarm.level, alarm.kind) == ("911", "conciencia")


async def test_an_alarm_hours_later_is_another_episode(puente: Miniature) -> None:
    await puente.say("FIEBRE")
    await puente.work()
    puente.time.pass_(hours=7)
    await puente.say("FIEBRE otra vez")
    await puente.work()
    assert len(await _cases(puente)) == 2


async def test_a_possible_alarm_gets_one_question_and_rasa_waits(puente: Miniature) -> None:
    await puente.say("TAL VEZ")
    await puente.work()
    assert puente.graph.texts == [QUESTION]
    assert puente.rasa.texts == []
    assert await _cases(puente) == []


async def test_yes_makes_it_certain(puente: Miniature) -> None:
    await puente.say("TAL VEZ")
    await puente.work()
    await _press(puente, alarms.YES, "Sí, ahora")
    assert puente.graph.texts == [QUESTION, GO_TO_HOSPITAL]
    assert puente.rasa.texts == []
    (alarm,) = await _alarms(puente)
    assert (alarm.state, alarm.decided_by) == (CONFIRMED, "familia")
    assert len(await _cases(puente)) == 1


@pytest.mark.parametrize("words", ["si", "sí, ahorita", "Claro que sí"])
async def test_yes_may_be_written(puente: Miniature, words: str) -> None:
    await puente.say("TAL VEZ")
    await puente.work()
    await puente.say(words)
    await puente.work()
    assert puente.graph.texts == [QUESTION, GO_TO_HOSPITAL]


async def test_no_takes_up_what_she_had_said(puente: Miniature) -> None:
    await puente.say("TAL VEZ no hay vincristina")
    await puente.work()
    await _press(puente, alarms.NO, "No")
    assert puente.rasa.texts == ["TAL VEZ no hay vincristina"]
    assert puente.rasa.calls[-1]["metadata"]["alarm"] == "resumed"
    assert puente.graph.texts == [QUESTION, "eco: TAL VEZ no hay vincristina"]
    (alarm,) = await _alarms(puente)
    assert alarm.state == DISMISSED
    assert await _cases(puente) == []


async def test_something_else_leaves_the_question_open(puente: Miniature) -> None:
    await puente.say("TAL VEZ")
    await puente.work()
    await puente.say("oiga y el folio que me dieron ayer por la tarde")
    await puente.work()
    assert puente.rasa.texts == ["oiga y el folio que me dieron ayer por la tarde"]
    (alarm,) = await _alarms(puente)
    assert alarm.state == ASKED


async def test_silence_after_a_grave_sign_counts_as_yes(puente: Miniature) -> None:
    await puente.say("TAL VEZ")
    await puente.work()
    puente.time.pass_(minutes=2, seconds=59)
    await puente.work()
    assert puente.graph.texts == [QUESTION]
    puente.time.pass_(seconds=2)
    await puente.work()
    assert puente.graph.texts == [QUESTION, GO_TO_HOSPITAL]
    (alarm,) = await _alarms(puente)
    assert (alarm.state, alarm.decided_by) == (CONFIRMED, "tiempo")
    assert len(await _cases(puente)) == 1


async def test_silence_after_a_sign_that_is_not_grave_dismisses_it(puente: Miniature) -> None:
    await puente.say("VARICELA")
    await puente.work()
    puente.time.pass_(minutes=4)
    await puente.work()
    (alarm,) = await _alarms(puente)
    assert alarm.state == DISMISSED
    assert await _cases(puente) == []


async def test_a_shortage_in_the_same_message_is_taken_up_afterwards(puente: Miniature) -> None:
    await puente.say("no hay vincristina y ya trae FIEBRE")
    await puente.work()
    assert puente.rasa.texts == []
    await _press(puente, alarms.GO_ON, "Seguir con lo mío")
    assert puente.rasa.texts == ["no hay vincristina y ya trae FIEBRE"]
    assert puente.rasa.calls[-1]["metadata"]["alarm"] == "resumed"


async def test_in_a_handoff_the_gate_answers_all_the_same(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work()
    async with puente.database.transaction() as session:
        await contacts.take(session, (await puente.contact()).id, by="ana", now=puente.time.now)
    await puente.say("FIEBRE")
    await puente.work()
    assert puente.graph.texts == ["eco: hola", GO_TO_HOSPITAL]


async def test_a_caption_is_looked_at(puente: Miniature) -> None:
    photo = puente.files.add("1", caption="mire, FIEBRE")
    await puente.receive(wa.message("image", photo, at=puente.time.now))
    await puente.work()
    assert puente.graph.texts == [GO_TO_HOSPITAL]


async def test_people_on_duty_are_alerted_again_and_then_the_next_step_until_one_takes_it(puente: Miniature) -> None:
    async with puente.database.transaction() as session:
        for name, phone, step in (("Guardia Uno", "5215555550901", 1), ("Guardia Dos", "5215555550902", 2)):
            await duty.add(session, area="atencion_medica", name=name, phone=phone, step=step, now=puente.time.now)
    await puente.say("CONVULSION")
    await puente.work()
    assert [body["to"] for body in _templates(puente)] == ["+5215555550901"]
    puente.time.pass_(minutes=3, seconds=1)
    await puente.work()
    assert [body["to"] for body in _templates(puente)[1:]] == ["+5215555550901", "+5215555550902"]
    (alarm,) = await _alarms(puente)
    async with puente.database.transaction() as session:
        assert await alarms.take(session, alarm.contact_id, by="Guardia Dos", now=puente.time.now) == 1
    sent = len(_templates(puente))
    puente.time.pass_(minutes=30)
    await puente.work()
    assert len(_templates(puente)) == sent
    (alarm,) = await _alarms(puente)
    assert alarm.taken_at and alarm.taken_at - alarm.opened_at == timedelta(minutes=3, seconds=1)


async def test_an_alert_names_no_family(puente: Miniature) -> None:
    async with puente.database.transaction() as session:
        await duty.add(
            session, area="atencion_medica", name="Guardia", phone="5215555550903", step=1, now=puente.time.now
        )
    await puente.say("FIEBRE de mi niño Camilo")
    await puente.work()
    (body,) = _templates(puente)
    assert "Camilo" not in str(body)
    assert (await _cases(puente))[0].folio in str(body)


async def test_the_gravest_untaken_alarm_comes_first(puente: Miniature) -> None:
    await puente.receive(wa.text("FIEBRE", at=puente.time.now, wa_id="5215555550111"))
    await puente.work()
    puente.time.pass_(minutes=1)
    await puente.receive(wa.text("CONVULSION", at=puente.time.now, wa_id="5215555550112"))
    await puente.work()
    async with puente.database.reading() as session:
        assert [alarm.level for alarm in await alarms.untaken(session)] == ["911", "urgencias"]


async def test_the_dialogue_s_own_alarm_asks_once(puente: Miniature) -> None:
    await puente.say("lo veo raro")
    await puente.work()
    (message,) = await puente.messages("in")
    async with puente.database.transaction() as session:
        reply = await alarms.second_net(session, message, "dicho_por_la_familia", puente.time.now)
        assert reply and reply["text"] == QUESTION
        assert await alarms.second_net(session, message, "dicho_por_la_familia", puente.time.now) is None


async def test_a_yes_to_a_question_that_silence_dismissed_is_an_alarm_all_the_same(puente: Miniature) -> None:
    await puente.say("VARICELA")
    await puente.work()
    puente.time.pass_(minutes=10)
    await puente.work()
    (alarm,) = await _alarms(puente)
    assert (alarm.state, alarm.decided_by) == (DISMISSED, "tiempo")
    await _press(puente, alarms.YES, "Sí, ahora")
    (alarm,) = await _alarms(puente)
    assert (alarm.state, alarm.decided_by) == (CONFIRMED, "familia")
    assert len(await _cases(puente)) == 1
    assert alarms.safe_answer("contagio") in puente.graph.texts[-1]


async def test_a_yes_after_silence_was_taken_for_one_is_answered_and_opens_no_second_case(puente: Miniature) -> None:
    await puente.say("TAL VEZ")
    await puente.work()
    puente.time.pass_(minutes=10)
    await puente.work()
    answers = len(puente.graph.texts)
    await _press(puente, alarms.YES, "Sí, ahora")
    assert len(await _cases(puente)) == 1
    assert len(puente.graph.texts) == answers + 1
    assert puente.rasa.calls == []
