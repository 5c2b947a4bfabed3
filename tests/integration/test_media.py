"""Files of families: fetched, checked, kept out of sight, attached to the case, acknowledged in one sentence."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import select

from puente.api import tokens
from puente.api.app import create_app
from puente.cases import service as cases
from puente.contacts import identity
from puente.contacts import service as contacts
from puente.contacts.models import Contact
from puente.knowledge import texts
from puente.media.models import Media
from puente.messages import queue
from puente.settings import Settings
from tests import fake_whatsapp as wa
from tests.fake_media import JPEG, OGG, PDF
from tests.integration.conftest import Miniature


async def send(
    puente: Miniature, kind: str = "image", data: bytes = JPEG, media_id: str = "m1", **more: Any
) -> wa.Item:
    item = wa.message(kind, puente.files.add(media_id, data, **more), at=puente.time.now)
    await puente.receive(item)
    return item


async def files(puente: Miniature) -> list[Media]:
    async with puente.database.reading() as session:
        return list((await session.execute(select(Media).order_by(Media.id))).scalars())


async def stored(puente: Miniature, media: Media) -> bytes:
    return b"".join([chunk async for chunk in puente.store.read(media.key)])


async def open_case(puente: Miniature, **more: Any) -> str:
    contact = await puente.contact()
    new = cases.NewCase(contact.id, "desabasto", wa.new_wamid(), "no hay", {}, **more)
    async with puente.database.transaction() as session:
        return (await cases.open_case(session, new, puente.time.now)).folio


# ------------------------------------------------------------------------------------------------- fetching


async def test_a_picture_is_kept_under_a_random_name_and_acknowledged(puente: Miniature, settings: Settings) -> None:
    await send(puente, filename="../../etc/receta.jpg")
    await puente.work_until_quiet()
    (media,) = await files(puente)
    assert (media.state, media.mime, media.bytes) == ("guardado", "image/jpeg", len(JPEG))
    assert await stored(puente, media) == JPEG
    (path,) = [path for path in settings.media_folder.rglob("*") if path.is_file()]
    assert path.name == media.key
    assert path.stat().st_mode & 0o077 == 0
    (text,) = puente.graph.texts
    assert text.startswith("Recibí su foto y la guardé con su conversación.")


async def test_several_pictures_are_acknowledged_in_one_message(puente: Miniature) -> None:
    for number in range(3):
        await send(puente, media_id=f"m{number}")
    await puente.work_until_quiet()
    (text,) = puente.graph.texts
    assert "sus 3 fotos y las guardé" in text


async def test_a_dead_address_is_asked_for_anew(puente: Miniature) -> None:
    puente.files.script.extend(["expired", 403])
    await send(puente)
    await puente.work()
    assert (await files(puente))[0].state == "guardado"
    assert puente.files.described == 3


@pytest.mark.parametrize("step", ["wrong bytes", "unreachable", 500, "expired"])
async def test_what_goes_wrong_for_a_while_is_tried_again(puente: Miniature, step: Any) -> None:
    puente.files.script.extend([step] * 5)
    await send(puente)
    await puente.work()
    assert (await files(puente))[0].state == "pendiente"
    await puente.work_until_quiet()
    (media,) = await files(puente)
    assert media.state == "guardado"
    assert await stored(puente, media) == JPEG


async def test_a_file_that_never_comes_whole_leaves_no_half_behind(puente: Miniature, settings: Settings) -> None:
    puente.files.script.extend(["wrong bytes"] * 200)
    await send(puente)
    await puente.work_until_quiet(timedelta(days=3))
    (media,) = await files(puente)
    assert media.state == "fallido"
    assert [path for path in settings.media_folder.rglob("*") if path.is_file()] == []
    assert any("todavía no me la entrega" in text for text in puente.graph.texts)


async def test_a_file_that_whatsapp_has_no_more_is_told_plainly(puente: Miniature) -> None:
    await send(puente)
    puente.files.files.clear()
    await puente.work_until_quiet()
    (media,) = await files(puente)
    assert (media.state, media.reason) == ("fallido", "WhatsApp ya no tiene el archivo")
    (text,) = puente.graph.texts
    assert text.startswith("No pude guardar su foto: WhatsApp ya no tiene el archivo.")


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_that_is_too_large_is_refused_before_or_while_it_comes(puente: Miniature, announced: bool) -> None:
    await send(puente, data=JPEG + b"x" * (17 * 1024 * 1024))
    if not announced:
        puente.files.sizes["m1"] = 1000
    await puente.work_until_quiet()
    (media,) = await files(puente)
    assert (media.state, media.reason) == ("fallido", "El archivo pesa más de 16 MB")
    assert len(puente.files.tokens) == (0 if announced else 1)


async def test_a_document_may_be_larger_than_a_picture(puente: Miniature) -> None:
    await send(puente, "document", PDF + b"x" * (17 * 1024 * 1024), filename="expediente.pdf")
    await puente.work()
    assert (await files(puente))[0].state == "guardado"


async def test_a_program_that_calls_itself_a_picture_is_refused(puente: Miniature) -> None:
    await send(puente, data=b"MZ\x90\x00" * 50)
    await puente.work_until_quiet()
    (media,) = await files(puente)
    assert (media.state, media.reason) == ("fallido", "El archivo es un programa, no un documento")


async def test_the_token_follows_no_address_that_is_not_metas(puente: Miniature) -> None:
    puente.files.host = "https://otro.example"
    await send(puente)
    await puente.work()
    assert puente.files.tokens == []
    puente.files.host = ""
    puente.files.script.append("redirect")
    puente.time.pass_(seconds=3)
    await puente.work()
    assert len(puente.files.tokens) == 1


async def test_a_graph_api_that_refuses_our_token_is_asked_again_later(puente: Miniature) -> None:
    puente.files.refuses = httpx.Response(401, json={"error": {"code": 190, "message": "expired token"}})
    await send(puente)
    await puente.work()
    puente.files.refuses = None
    await puente.work_until_quiet()
    assert (await files(puente))[0].state == "guardado"


async def test_a_message_delivered_again_is_one_file(puente: Miniature) -> None:
    item = await send(puente)
    await puente.work()
    await puente.receive(item)
    await puente.work_until_quiet()
    assert len(await files(puente)) == 1
    assert len(puente.graph.texts) == 1


async def test_a_worker_killed_while_it_fetches_leads_to_one_file_and_one_answer(
    puente: Miniature, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    await send(puente)
    (contact_id,) = await puente.claim(queue.MEDIA)
    begun = await puente.media._begin_next(contact_id)
    assert begun
    await puente.media._fetch(begun)  # the bytes are in the store, and here it dies
    puente.time.pass_(seconds=200)
    puente.start_worker("trabajador-2")
    await puente.work_until_quiet()
    assert (await files(puente))[0].state == "guardado"
    assert len([path for path in settings.media_folder.rglob("*") if path.is_file()]) == 1
    assert len(puente.graph.texts) == 1


async def test_a_crash_while_the_family_is_told_tells_it_once(
    puente: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(puente)
    await puente.work("media")
    puente.time.pass_(seconds=3)

    async def dies(*_args: Any, **_more: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(queue, "release", dies)
        with pytest.raises(asyncio.CancelledError):
            await puente.work("media")
    puente.time.pass_(seconds=200)
    await puente.work_until_quiet()
    assert len(puente.graph.texts) == 1


# ------------------------------------------------------------------------------- case, words, voice, person


async def test_a_picture_after_a_report_belongs_to_it(puente: Miniature) -> None:
    await puente.say("no hay vincristina")
    await puente.work()
    folio = await open_case(puente)
    await send(puente)
    await puente.work_until_quiet()
    assert puente.graph.texts[-1] == f"Recibí su foto y la agregué a su reporte *{folio}*."
    async with puente.database.reading() as session:
        case = await cases.find(session, folio)
        assert case
        assert (await files(puente))[0].case_id == case.id
        assert "archivo" in (await cases.history(session, case.id))[-1].note


async def test_a_picture_sent_while_telling_belongs_to_the_report_that_follows(puente: Miniature) -> None:
    await send(puente, caption="mi receta")
    await puente.work_until_quiet()
    folio = await open_case(puente)
    async with puente.database.reading() as session:
        case = await cases.find(session, folio)
        assert case
        assert (await files(puente))[0].case_id == case.id


async def test_the_folio_in_a_caption_names_the_report(puente: Miniature) -> None:
    await puente.say("hola")
    first = await open_case(puente)
    puente.time.pass_(hours=1)
    await open_case(puente)
    await send(puente, caption=f"para el {first}")
    await puente.work_until_quiet()
    assert any(first in text for text in puente.graph.texts)


async def test_whoever_has_to_prove_who_they_are_sees_no_folio(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work()
    folio = await open_case(puente)
    async with puente.database.transaction() as session:
        contact = await session.get_one(Contact, (await puente.contact()).id)
        identity.mark_to_verify(session, contact, "cambió de número", puente.time.now)
    await send(puente)
    await puente.work_until_quiet()
    assert folio not in puente.graph.texts[-1]
    assert (await files(puente))[0].case_id is None


async def test_words_with_a_picture_are_answered_and_the_picture_acknowledged(puente: Miniature) -> None:
    await send(puente, caption="esta es mi receta")
    await puente.work_until_quiet()
    assert puente.rasa.texts == ["esta es mi receta"]
    assert "eco: esta es mi receta" in puente.graph.texts
    assert "Recibí su foto y la guardé con su conversación." in puente.graph.texts


async def test_a_voice_note_goes_to_a_person_who_can_listen(puente: Miniature) -> None:
    await send(puente, "audio", OGG, mime="audio/ogg; codecs=opus", voice=True)
    await puente.work_until_quiet()
    assert puente.graph.texts == [texts.get("nota_de_voz")]
    async with puente.database.reading() as session:
        handoff = await contacts.open_handoff(session, (await puente.contact()).id)
    assert handoff and handoff.reason == "mandó una nota de voz"


async def test_while_a_person_answers_files_are_kept_in_silence(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work()
    async with puente.database.transaction() as session:
        await contacts.take(session, (await puente.contact()).id, by="ana", now=puente.time.now)
    await send(puente)
    await puente.work_until_quiet()
    assert (await files(puente))[0].state == "guardado"
    assert len(puente.graph.texts) == 1


async def test_a_deleted_picture_is_kept_and_not_talked_about(puente: Miniature) -> None:
    item = await send(puente)
    await puente.receive(wa.message("revoke", {"original_message_id": item["id"]}, at=puente.time.now))
    await puente.work_until_quiet()
    assert (await files(puente))[0].state == "guardado"
    assert puente.graph.texts == []


async def test_a_picture_that_whatsapp_gives_no_id_for_is_asked_for_again(puente: Miniature) -> None:
    await puente.receive(wa.message("image", {"mime_type": "image/jpeg"}, at=puente.time.now))
    await puente.work_until_quiet()
    assert puente.graph.texts == [texts.get("archivo_ilegible")]


# ------------------------------------------------------------------------------------------------------- API


@pytest.fixture
async def api(puente: Miniature, settings: Settings) -> AsyncIterator[AsyncTestClient]:
    async with puente.database.transaction() as session:
        token = await tokens.create(session, "pruebas", puente.time.now)
    async with AsyncTestClient(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def test_a_file_is_downloaded_as_an_attachment_that_runs_nowhere(puente: Miniature, api: AsyncTestClient) -> None:
    await send(puente, "document", PDF, mime="text/html", filename='..\\..\\r"e\nceta ñ.pdf')
    await puente.work_until_quiet()
    (media,) = await files(puente)
    answer = await api.get(f"/api/v1/media/{media.id}")
    assert (answer.status_code, answer.content) == (200, PDF)
    assert answer.headers["content-type"].startswith("application/pdf")
    assert answer.headers["x-content-type-options"] == "nosniff"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert not set('"\n\\/') & set(disposition.partition('filename="')[2].partition('"; ')[0])
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "no-store" in answer.headers["cache-control"]


async def test_nobody_downloads_without_a_token(puente: Miniature, api: AsyncTestClient) -> None:
    await send(puente)
    await puente.work_until_quiet()
    del api.headers["Authorization"]
    assert (await api.get("/api/v1/media/1")).status_code == 401


async def test_what_was_not_kept_cannot_be_downloaded(puente: Miniature, api: AsyncTestClient) -> None:
    await send(puente)
    puente.files.files.clear()
    await puente.work_until_quiet()
    for media_id in (1, 99):
        assert (await api.get(f"/api/v1/media/{media_id}")).status_code == 404


async def test_the_transcript_and_the_case_name_their_files(puente: Miniature, api: AsyncTestClient) -> None:
    await puente.say("hola")
    folio = await open_case(puente)
    await send(puente)
    await puente.work_until_quiet()
    (of_case,) = (await api.get(f"/api/v1/cases/{folio}/media")).json()
    conversation = (await api.get(f"/api/v1/conversations/{wa.FAMILY}")).json()
    (of_message,) = [line["media"] for line in conversation["messages"] if line["media"]]
    assert of_case == of_message
    assert of_case["state"] == "guardado"
