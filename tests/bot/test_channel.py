"""The channel: one message in, replies and parse out, once per message whatever happens in between."""

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from bot.channel import BadRequest, as_parse, as_reply, earlier_turn, in_another_language, incoming
from tests.bot import tiny_bot
from tests.bot.conftest import free_port

Say = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bot.train(tmp_path_factory.mktemp("bot"))


@pytest.fixture(scope="module")
def action_server() -> Iterator[tiny_bot.ActionServer]:
    server = tiny_bot.ActionServer(free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def rasa(trained: Path, action_server: tiny_bot.ActionServer) -> Iterator[tiny_bot.RunningRasa]:
    running = tiny_bot.RunningRasa(trained, free_port(), action_server.url)
    running.start()
    running.wait_until(200)
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def actions_work_well(request: pytest.FixtureRequest) -> None:
    if "action_server" in request.fixturenames:
        request.getfixturevalue("action_server").mode = "well"


@pytest.fixture
def sender() -> str:
    return f"contacto-{uuid.uuid4()}"


@pytest.fixture
def say(rasa: tiny_bot.RunningRasa, sender: str) -> Say:
    def post(text: str | None, message_id: str | None = None, timeout: float = 30, **more: Any) -> requests.Response:
        body = {"sender": sender, "message_id": message_id or uuid.uuid4().hex, "text": text, **more}
        return rasa.turn(json.dumps(body), timeout=timeout)  # in ASCII, so that half an emoji can be sent

    return post


# What Rasa is given


def request(**fields: Any) -> bytes:
    return json.dumps({"sender": "c", "message_id": "m", **fields}).encode()


@pytest.mark.parametrize(
    "before", ["/", "//", " /", "\u200b/", "\u2060 / /", "\ufeff/", "\u00ad/", "／", "\x00/", "\ufe0f/"]
)
def test_nobody_can_type_an_intent(before: str) -> None:
    assert incoming(request(text=f"{before}afirmar")).text == "afirmar"


@pytest.mark.parametrize("text", ["1/2 tableta", "no / sí", "¿y/o?", "🙏 gracias"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert incoming(request(text=text)).text == text


def test_a_message_of_slashes_only_is_still_a_message() -> None:
    assert incoming(request(text="/ /")).text == "?"


def test_a_button_s_payload_is_what_rasa_gets_and_the_words_shown_are_kept() -> None:
    message = incoming(request(text="Sí, registrar", payload="/afirmar", metadata={"alarm": "none"}))
    assert message.text == "/afirmar"
    assert message.metadata == {"alarm": "none", "shown_text": "Sí, registrar"}


def test_a_choice_from_a_list_is_a_plain_answer() -> None:
    message = incoming(request(text="Hospital General de Pr…", payload="Hospital General de Prueba", metadata={}))
    assert message.text == "Hospital General de Prueba"
    assert message.metadata == {}


def test_a_payload_cannot_hide_its_slash_either() -> None:
    assert incoming(request(text="x", payload="\u200b/afirmar")).text == "afirmar"


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{"),
        *(request(sender=""), request(sender=5), request(message_id=None)),
        *(request(text=1), request(payload={}), request(metadata="x")),
    ],
)
def test_a_request_against_the_protocol_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        incoming(body)


# What comes back


def test_the_parse_is_plain_short_and_keeps_what_is_ours() -> None:
    ranking = [{"name": f"i{n}", "confidence": np.float32(0.1), "id": n} for n in range(39)]
    entity = {"entity": "unidad", "value": "Uno", "start": 0, "end": 3, "confidence_entity": np.float64(0.5)}
    parse = as_parse(
        {
            "text": "t",
            "intent": {"name": "i", "confidence": np.float32(0.25), "id": 7},
            "intent_ranking": ranking,
            "entities": [{**entity, "extractor": "X", "processors": ["y"]}],
            "text_tokens": [(0, 1)],
            "message_id": "m",
            "metadata": {},
            "second_intent": {"name": "j"},
        }
    )
    assert parse["intent"] == {"name": "i", "confidence": 0.25}
    assert [intent["name"] for intent in parse["intent_ranking"]] == ["i0", "i1", "i2", "i3", "i4"]
    assert parse["entities"] == [
        {"entity": "unidad", "value": "Uno", "start": 0, "end": 3, "extractor": "X", "confidence": 0.5}
    ]
    assert parse["second_intent"] == {"name": "j"}
    assert set(parse) == {"text", "intent", "intent_ranking", "entities", "second_intent"}
    json.dumps(parse)


def test_a_message_that_stands_for_what_was_offered_gives_its_replies_again() -> None:
    written, meant = {"intent": {"name": "afirmar"}}, {"intent": {"name": "solicitar_cita"}}
    tracker = DialogueStateTracker.from_events(
        "s",
        [
            UserUttered("hola", message_id="m0"),
            BotUttered("¿La vemos ahora?"),
            UserUttered("si", parse_data={"text": "si", **written}, message_id="m1"),
            ActionExecuted("action_listen"),
            UserUttered("/solicitar_cita", parse_data={"text": "/solicitar_cita", **meant}, message_id="m1"),
            BotUttered("¿De qué servicio?"),
            UserUttered("quimio", message_id="m2"),
            BotUttered("¿En qué hospital?"),
        ],
    )
    turn = earlier_turn(tracker, "m1")
    assert turn is not None
    assert [reply["text"] for reply in turn["replies"]] == ["¿De qué servicio?"]
    assert turn["parse"]["intent"]["name"] == "afirmar"
    assert earlier_turn(tracker, "m3") is None


def test_a_reply_has_only_what_the_protocol_knows() -> None:
    message = {"text": "t", "buttons": [{"title": "a", "payload": "/b", "x": 1}], "timestamp": 1.0, "utter_action": "u"}
    assert as_reply(message) == {"text": "t", "buttons": [{"title": "a", "payload": "/b"}]}
    assert as_reply({"text": None, "timestamp": 1.0}) == {}


# A running Rasa


def test_a_message_gets_its_replies_and_how_it_was_understood(say: Say) -> None:
    answer = say("hola").json()
    assert answer["parse"]["intent"] == {"name": "saludo", "confidence": 1.0}
    assert answer["replayed"] is False
    [reply] = answer["replies"]
    assert reply["text"].endswith("\n\nSoy la prueba.")  # one message, not two
    assert reply["buttons"] == [{"title": "Sí", "payload": "/afirmar"}]


def test_without_the_token_nobody_gets_in(rasa: tiny_bot.RunningRasa) -> None:
    for headers in ({}, {"X-Puente-Token": "otro"}, {"X-Puente-Token": "ñ".encode()}):
        assert rasa.turn(request(text="hola"), headers).status_code == 401


def test_a_bad_request_is_told_what_is_wrong(say: Say) -> None:
    response = say("hola", payload=5)
    assert response.status_code == 400
    assert "payload" in response.json()["error"]


def test_metadata_and_message_id_reach_the_actions(say: Say, action_server: tiny_bot.ActionServer) -> None:
    say("Sí", "wamid.x", payload="/afirmar", metadata={"sent_at": "2026-11-22T10:00:00+00:00", "alarm": "possible"})
    message = action_server.seen[-1]["tracker"]["latest_message"]
    assert message["metadata"]["sent_at"] == "2026-11-22T10:00:00+00:00"
    assert message["metadata"]["alarm"] == "possible"
    assert message["metadata"]["shown_text"] == "Sí"
    assert message["message_id"] == "wamid.x"
    assert action_server.seen[-1]["tracker"]["latest_input_channel"] == "puente"
    assert not action_server.seen[-1].get("domain")  # no action reads it


def test_the_same_message_again_gives_the_same_and_does_nothing(say: Say, action_server: tiny_bot.ActionServer) -> None:
    first = say("Sí", "wamid.1", payload="/afirmar").json()
    say("hola", "wamid.2")
    calls = action_server.calls
    again = say("Sí", "wamid.1", payload="/afirmar").json()
    assert again == {**first, "replayed": True}
    assert first["replies"] == [{"text": "van 1", "custom": {"contador": 1}}]
    assert action_server.calls == calls


def test_the_same_message_five_times_at_once_is_one_turn(say: Say, action_server: tiny_bot.ActionServer) -> None:
    calls = action_server.calls
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: say("Sí", "wamid.1", payload="/afirmar"), range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert [answer.json()["replies"] for answer in answers] == [[{"text": "van 1", "custom": {"contador": 1}}]] * 5
    assert sorted(answer.json()["replayed"] for answer in answers) == [False, True, True, True, True]
    assert action_server.calls == calls + 1


def test_half_an_emoji_and_other_odd_text_goes_through(say: Say) -> None:
    for text in ("\ud83d", "🙏", "\x00", "", "x" * 20_000, None):
        assert say(text).status_code == 200


def test_an_action_server_that_is_down_puts_the_message_off(say: Say, action_server: tiny_bot.ActionServer) -> None:
    action_server.stop()
    assert say("Sí", "wamid.1", payload="/afirmar").status_code == 503
    action_server.start()
    answer = say("Sí", "wamid.1", payload="/afirmar").json()
    assert (answer["replayed"], answer["replies"][0]["text"]) == (False, "van 1")


@pytest.mark.parametrize("mode", ["error", "nonsense"])
def test_an_action_that_fails_fails_its_message_and_leaves_no_trace(
    say: Say, action_server: tiny_bot.ActionServer, mode: str
) -> None:
    action_server.mode = mode
    response = say("Sí", "wamid.1", payload="/afirmar")
    assert response.status_code == 500
    assert "action_contar" in response.json()["error"]
    action_server.mode = "well"
    assert say("Sí", "wamid.1", payload="/afirmar").json()["replies"][0]["text"] == "van 1"


def test_a_turn_goes_on_when_the_caller_hangs_up(say: Say, action_server: tiny_bot.ActionServer) -> None:
    action_server.mode = "slow"
    calls = action_server.calls
    with pytest.raises(requests.ReadTimeout):
        say("Sí", "wamid.1", timeout=0.7, payload="/afirmar")
    answer = say("Sí", "wamid.1", payload="/afirmar").json()
    assert (answer["replayed"], answer["replies"][0]["text"]) == (True, "van 1")
    assert action_server.calls == calls + 1


def test_a_killed_rasa_goes_on_where_it_was(say: Say, rasa: tiny_bot.RunningRasa) -> None:
    assert say("no hay medicina", "wamid.1").json()["replies"][0]["text"] == "¿Cómo se llama?"
    rasa.kill()
    rasa.start()
    rasa.wait_until(200)
    assert say("no hay medicina", "wamid.1").json()["replayed"] is True
    assert say("Ana Prueba").json()["replies"][0]["text"] == "Listo, Ana Prueba."


def test_with_a_model_that_cannot_be_loaded_it_is_alive_but_not_ready(trained: Path, tmp_path: Path) -> None:
    running = tiny_bot.RunningRasa(tiny_bot.copied(trained, tmp_path), free_port(), "http://127.0.0.1:1/webhook")
    (tmp_path / "rota.tar.gz").write_bytes(b"not a model")
    running.start(model="rota.tar.gz")
    try:
        running.wait_until(503)
        assert running.turn(request(text="hola")).status_code == 503
    finally:
        running.kill()


def test_a_message_in_another_language_is_marked_and_left_to_the_actions() -> None:
    parse = {"text": "my son is sick", "intent": {"name": "saludo", "confidence": 0.9}, "entities": []}
    marked = in_another_language(parse)
    assert (marked["intent"]["name"], marked["language"]) == ("nlu_fallback", "en")
    assert as_parse(marked)["language"] == "en"  # the staff sees it


@pytest.mark.parametrize(
    ("text", "intent"),
    [("mi hijo esta malito", "saludo"), ("my son is not breathing", "urgencia_medica"), ("/afirmar", "afirmar")],
)
def test_spanish_an_alarm_and_a_button_stay_what_they_are(text: str, intent: str) -> None:
    parse = {"text": text, "intent": {"name": intent, "confidence": 0.9}}
    assert in_another_language(parse) is parse
