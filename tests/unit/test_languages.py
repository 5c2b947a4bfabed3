"""Messages in other languages are recognised; Spanish, however misspelt, never is one."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from puente.knowledge import languages, texts
from puente.settings import ROOT


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("my daughter needs her medicine and they dont have it", "en"),
        ("Hello, my son has cancer and I need help at the hospital", "en"),
        ("do you speak english?", "en"),
        ("help me please", "en"),
        ("Bonjour, mon fils est malade, je ne parle pas espagnol", "fr"),
        ("minha filha está doente e não tem remédio", "pt"),
        ("mwen bezwen èd pou pitit mwen", "ht"),
        ("Nokone mokokoa, amo onka pajtli", "nahuatl"),
        ("tlasojkamati", "nahuatl"),
        ("In paale’ k’oja’an, mina’an u ts’aakil", "maya"),  # the apostrophe that phones write
        ("Mu'yuk poxil yu'un jch'amal", "tsotsil"),
        ("mayuk poxil yu'un kalal", "tseltal"),
        ("se'e yu'u ku'vi, koo tatan", "mixteco"),
        ("我的女儿生病了", languages.OTHER),
    ],
)
def test_another_language_is_recognised_by_the_whole_message(said: str, language: str) -> None:
    assert languages.detect(said) == language


@pytest.mark.parametrize(
    "said",
    [
        "hola buenas tardes",
        "hello",
        "thank you so much",
        "ok thank you joven",
        "no hay medicina happy birthday",
        "el amo de la casa, mi nana y mi tata",
        "ya no ay vincristina",
        "mi hijo habla nahuatl",
        "mi nokone necesita su medicina hoy en la raza",
        "si",
        "👍",
        "",
        "220",
    ],
)
def test_spanish_with_a_word_of_another_language_stays_spanish(said: str) -> None:
    assert languages.detect(said) is None


def test_no_false_alarm_in_a_thousand_messages_of_families() -> None:
    messages = list(_messages())
    assert len(messages) > 20_000
    alarms = [said for said in messages if languages.detect(said)]
    assert len(alarms) < len(messages) / 1000, alarms


def test_each_language_has_a_text_to_answer_with() -> None:
    for code in (*languages.known(), languages.OTHER):
        said = texts.get(languages.answer(code)).format(idioma=languages.name(code))
        assert "911" in said
        assert "{" not in said
        assert not languages.is_indigenous(code) or languages.name(code) in said


def _messages() -> Iterator[str]:
    for path in sorted((ROOT / "data" / "nlu").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            for line in group["examples"].splitlines():
                yield re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.removeprefix("- "))
    for path in sorted((ROOT / "data" / "safety").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["text"]
