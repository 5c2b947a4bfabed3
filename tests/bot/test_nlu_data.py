"""The training data keeps to the language contract and has never seen the held-out messages."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml
from rasa.shared.nlu.training_data.loading import load_data
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.normalizer import phonetic, pieces
from bot.nlu.voices import voice_of

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
INTENTS = {next(iter(i)) if isinstance(i, dict) else i for i in DOMAIN["intents"]} - {"nlu_fallback"}
ENTITIES = {next(iter(e)) if isinstance(e, dict) else e for e in DOMAIN["entities"]}


@pytest.fixture(scope="module")
def taught() -> list[Message]:
    return load_data(str(ROOT / "data" / "nlu")).intent_examples


@pytest.fixture(scope="module")
def unseen() -> list[dict[str, object]]:
    lines = (ROOT / "tests" / "data" / "heldout.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_intent_has_a_hundred_messages_in_twelve_voices(taught: list[Message]) -> None:
    voices: dict[str, Counter[str]] = defaultdict(Counter)
    for message in taught:
        voices[message.get("intent")][voice_of(message)] += 1
    assert {i for i in voices if i in INTENTS} == set(voices)
    assert [i for i, v in voices.items() if sum(v.values()) < 100 or len(v) < 12] == []


def test_every_message_says_whose_voice_it_is(taught: list[Message]) -> None:
    assert [m.get("text") for m in taught if not voice_of(m)] == []


def test_annotations_use_the_entities_of_the_contract_and_whole_words(taught: list[Message]) -> None:
    wrong = []
    for message in taught:
        starts = {p.start for p in pieces(message.get("text"))}
        ends = {p.end for p in pieces(message.get("text"))}
        for e in message.get("entities") or []:
            if e["entity"] not in ENTITIES or e["start"] not in starts or e["end"] not in ends:
                wrong += [(message.get("text"), e["entity"])]
    assert wrong == []


def test_no_text_is_taught_as_two_intents(taught: list[Message]) -> None:
    intents: dict[str, set[str]] = defaultdict(set)
    for message in taught:
        intents[message.get("text").lower().strip()].add(message.get("intent"))
    assert {t: i for t, i in intents.items() if len(i) > 1} == {}


def test_held_out_voices_appear_nowhere_in_training(taught: list[Message], unseen: list[dict[str, object]]) -> None:
    assert {voice_of(m) for m in taught} & {line["voice"] for line in unseen} == set()
    assert len(unseen) >= 600


def test_held_out_offsets_point_at_their_values(unseen: list[dict[str, object]]) -> None:
    for line in unseen:
        for e in line["entities"]:  # type: ignore[attr-defined]
            assert line["text"][e["start"] : e["end"]] == e["value"]  # type: ignore[index]


def shingles(text: str) -> set[tuple[str, ...]]:
    """Every four words in a row, as they sound."""
    words = [w for w in phonetic(text).split() if any(c.isalnum() for c in w)]
    return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}


def near_copies(taught: list[str], unseen: list[str]) -> list[tuple[str, str]]:
    """Pairs that sound the same from four words on, and longer ones that share two in five of their runs.

    Shorter ones ("wenas", "sip") are what everybody says, and nobody's copy.
    """
    by_sound = {phonetic(text): text for text in taught if len(text.split()) >= 4}
    copies = [(by_sound[phonetic(text)], text) for text in unseen if phonetic(text) in by_sound]
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    known = [shingles(text) for text in taught]
    for at, runs in enumerate(known):
        for run in runs:
            index[run].append(at)
    for text in unseen:
        runs = shingles(text)
        shared = Counter(at for run in runs for at in index.get(run, []))
        copies += [(taught[at], text) for at, n in shared.items() if n >= 3 and n >= 0.4 * len(runs | known[at])]
    return copies


def test_a_near_copy_would_be_noticed() -> None:
    lesson = ["No hay vincristina en la Raza desde el lunes", "urgen plaquetas B negativo", "gracias"]
    heard = ["ya no ay bincristina en la rasa desde el lunes!", "URJEN PLAKETAS B NEGATIVO", "gracias", "en la raza"]
    assert near_copies(lesson, heard) == [(lesson[1], heard[1]), (lesson[0], heard[0])]


def test_no_training_message_is_a_near_copy_of_a_held_out_one(
    taught: list[Message], unseen: list[dict[str, object]]
) -> None:
    assert near_copies([m.get("text") for m in taught], [str(line["text"]) for line in unseen]) == []
