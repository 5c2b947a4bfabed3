"""The safety gate: what it must hear, what it must let pass, and that it never fails or forgets its data."""

import json
from pathlib import Path

import pytest

from benchmarks.safety_gate import measure
from puente.safety import examples, gate, model, train
from puente.safety.features import clauses
from puente.safety.signs import lexicon, read, sound

HELDOUT = Path(__file__).resolve().parents[1] / "data" / "safety_heldout.jsonl"


def alarms(text: str) -> bool:
    return gate.decide(text).tier != gate.NONE


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # issue 4 and the domain's list of colloquial messages
        ("trae calentura d 38.5", "fiebre"),
        ("tiene 38 y medio", "fiebre"),
        ("mi niño esta calientito", "fiebre"),
        ("esta hirviendo", "fiebre"),
        ("moradita de los labios", "respiracion"),
        ("no me contesta y esta como ido", "conciencia"),
        ("no kiere comer y esta muy decaido", "decaimiento"),
        ("le salieron puntitos morados", "moretones"),
        ("el cateter se le puso rojo", "cateter"),
        ("vomita todo lo q toma", "vomito_diarrea"),
        # other signs, other spellings
        ("SE ESTA CONBULCIONANDO MI NIÑA", "conciencia"),
        ("le sangra la naris y no le para", "sangrado"),
        ("treinta y nueve y no le baja", "fiebre"),
        ("no orina desde ayer y trae la boca seca", "no_orina"),
        ("le pasaron las plaquetas y se le está hinchando la cara", "alergia"),
        ("me quiero morir", "suicidio"),
        ("ya no kiero bibir", "suicidio"),
    ],
)
def test_an_alarm_is_certain_and_of_its_kind(text: str, kind: str) -> None:
    verdict = gate.decide(text)
    assert (verdict.tier, verdict.kind) == (gate.CERTAIN, kind)


@pytest.mark.parametrize(
    "text",
    [
        "me urge la licencia",
        "cama 38",
        "HGZ 36",
        "ardo de coraje",
        "se calló el sistema y no pude sacar la cita",
        "tiene 38 años",
        "me muero de risa",
        "le quitaron la quimio porque no hay",
        "no ay quimio",
        "ocupo plaquetas O neg",
        "hola buenas tardes bendiciones",
        "se llama Camila Robles",
        "leucemia",
        "morfina",
        "catéter",
    ],
)
def test_dangerous_words_in_another_sense_pass(text: str) -> None:
    assert gate.decide(text).tier == gate.NONE


@pytest.mark.parametrize(
    ("now", "not_now"),
    [
        ("trae calentura", "ya no trae calentura"),
        ("tiene fiebre", "¿y si le da fiebre?"),
        ("convulsionó hace rato", "hace un año convulsionó"),
        ("no despierta", "ya despertó"),
        ("le sale pus del catéter", "el catéter está limpio, sin pus"),
    ],
)
def test_negation_questions_and_the_past_turn_an_alarm_off(now: str, not_now: str) -> None:
    assert alarms(now)
    assert not alarms(not_now)


def test_a_buried_alarm_is_heard() -> None:
    text = (
        "Buenas tardes, ya entregué los papeles de la licencia y me falta el sello del doctor, a ver si me lo pueden "
        "poner el lunes. Oiga, y de paso le digo que la niña trae 38.6 desde hace rato. Gracias por todo."
    )
    assert gate.decide(text).tier == gate.CERTAIN
    assert any("38.6" in part and "licencia" not in part for part in clauses(text))


@pytest.mark.parametrize("text", ["arde mija", "nodespierta"])
def test_a_few_words_without_a_known_sign_are_asked_about(text: str) -> None:
    assert gate.decide(text).tier == gate.POSSIBLE


def test_tiredness_is_never_certain() -> None:
    assert gate.decide("ya no puedo mas, estoy cansada").tier != gate.CERTAIN


def test_a_bare_number_is_asked_about_and_never_certain() -> None:
    assert gate.decide("39").tier != gate.CERTAIN


@pytest.mark.parametrize(
    "text", ["", "   ", "\n", "🙏🙏🙏", "." * 5000, "a" * 20000, "\x00\ud800", "١٢٣", "38" * 400, "¿?¿?"]
)
def test_it_never_raises(text: str) -> None:
    assert gate.decide(text).tier in (gate.CERTAIN, gate.POSSIBLE, gate.NONE)


def test_it_decides_by_signs_when_there_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> model.Model:
        raise FileNotFoundError

    monkeypatch.setattr(gate, "_trained", broken)
    assert gate.decide("tiene fiebre de 39").tier == gate.CERTAIN
    assert gate.decide("se desmayó").tier == gate.POSSIBLE
    assert gate.decide("no tiene fiebre").tier == gate.NONE


def test_it_decides_without_the_sentence_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError

    monkeypatch.setattr(model, "encoder", missing)
    assert gate.decide("mi hija no despierta y tiene 39 grados").tier == gate.CERTAIN
    assert gate.decide("cuándo llega la vincristina").tier == gate.NONE


def test_spelling_does_not_change_how_a_word_sounds() -> None:
    same = [("convulsión", "combulcion"), ("calentura", "kalentura"), ("vómito", "bomito"), ("hinchado", "inchado")]
    assert all(sound(right) == sound(wrong) for right, wrong in same)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("no tiene fiebre", "negated"),
        ("tiene fiebre", "plain"),
        ("¿y si le da fiebre?", "hypothetical"),
        ("el año pasado tuvo fiebre", "past"),
        ("¿tiene fiebre?", "asked"),
    ],
)
def test_each_sign_carries_what_changes_its_sense(text: str, status: str) -> None:
    assert [sign.status for sign in read(text).signs if sign.label == "fiebre"] == [status]


def test_a_negation_reaches_only_its_own_sign() -> None:
    found = {sign.label: sign.status for sign in read("no trae fiebre pero le salieron moretones").signs}
    assert found["fiebre"] == "negated"
    assert found["moretones"] == "plain"


def test_every_kind_has_a_level_and_suicide_is_one() -> None:
    assert {gate.level(kind) for kind in lexicon().kinds} == {"911", "urgencias", "llamar"}
    assert "suicidio" in lexicon().kinds
    assert not gate.is_grave("contagio")


def test_the_model_belongs_to_these_data() -> None:
    """After a change of data/safety, signs.py, features.py or model.py: python -m puente.safety.train"""
    assert model.load().info["fingerprint"] == train.fingerprint()


def test_floors_hold_on_voices_that_were_never_trained_on() -> None:
    rows = [json.loads(line) for line in HELDOUT.read_text(encoding="utf-8").splitlines()]
    trained = {example.text for example in examples.load()}
    assert not trained & {row["text"] for row in rows}
    result = measure(rows)
    assert result["gate"]["caught"] >= FLOORS["caught"]
    assert result["gate"]["certain_of_caught"] >= FLOORS["certain_of_caught"]
    assert result["gate"]["any_alarm_on_harmless"] <= FLOORS["any_alarm_on_harmless"]
    assert result["gate"]["certain_on_harmless"] <= FLOORS["certain_on_harmless"]
    assert result["gate"]["caught"] > 2 * result["list_of_words"]["caught"]
    assert result["gate"]["any_alarm_on_harmless"] < result["list_of_words"]["any_alarm_on_harmless"] / 2


# What issue 4 asks for; the measure has a margin above it. See docs/safety-errors.md.
FLOORS = {"caught": 0.95, "certain_of_caught": 0.75, "any_alarm_on_harmless": 0.12, "certain_on_harmless": 0.05}


@pytest.mark.parametrize("text", ["2314 88 0412 5 creo, es de mi seguro", "55 5555 0138", "mi numero 81-5550-0139"])
def test_the_digits_of_a_number_are_no_temperature(text: str) -> None:
    assert gate.decide(text).tier == gate.NONE


def test_a_temperature_beside_a_telephone_still_counts() -> None:
    assert gate.decide("trae 39 de calentura, mi tel es 55 5555 0101").tier == gate.CERTAIN
