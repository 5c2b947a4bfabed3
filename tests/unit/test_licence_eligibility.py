"""The check of a family's situation: five questions at most, always a verdict, nothing asked that was already said."""

from datetime import date, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puente import clock
from puente.licences import eligibility, situation
from puente.licences.eligibility import MOST_QUESTIONS, Check

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=clock.MEXICO_CITY)
TOPICS = eligibility.topics()
YES = {"seguro": "patron", "edad": "menor_16", "diagnostico": "imss", "semanas": "mas_de_52", "otro_padre": "no",
       "parentesco": "madre_padre"}  # fmt: skip


def talk(*answers: str, first: str = "quiero saber si me toca la licencia") -> Check:
    """A family that answers in this order; whoever says nothing more gets the verdict so far."""
    check = eligibility.start(first, NOW)
    for said in answers:
        if eligibility.ask(check) is None:
            break
        check = Check.from_json(check.as_json())  # what is kept between two messages is JSON
        eligibility.answer(check, said, NOW)
    return check


def test_a_family_that_meets_all_is_told_that_it_seems_so() -> None:
    check = talk("si con patron", "7 añitos", "si el imss", "como 3 años", "no la tiene")
    verdict = eligibility.verdict(check)
    assert verdict.outcome == "si"
    said = verdict.text()
    assert "Todo indica que sí" in said and "quien decide es el IMSS" in said
    assert "médico tratante indica los días" in said and "140 Bis" in said and "4-jun-2019" in said


@pytest.mark.parametrize(
    ("answers", "outcome", "word"),
    [
        (("si", "17 años"), "no", "cumple 16"),
        (("si", "16", "si", "mas de un año", "no"), "pregunte", "la edad"),
        (("si", "va a cumplir 16", "si", "mas de un año", "no"), "si", "menos de 16"),
        (("no tengo trabajo",), "no", "relación de trabajo activa"),
        (("trabajo por honorarios", "9", "si", "4 años", "no"), "pregunte", "aseguramiento"),
        (("soy maestra del issste",), "no", "37 Bis"),
        (("si", "9", "Otro hospital", "4 años", "no"), "pregunte", "otro hospital"),
        (("si", "9", "todavia no"), "no", "falta el diagnóstico"),
        (("si", "9", "si", "20 semanas"), "no", "30 en los 12 meses"),
        (("si", "9", "si", "8 meses", "no"), "pregunte", "semanas"),
        (("si", "9", "si", "año y medio", "si ya la tiene mi esposo"), "no", "los dos padres"),
        (("si", "9", "si", "5 años", "no se"), "pregunte", "en ningún caso se da a los dos"),
    ],
)
def test_each_situation_has_its_verdict_and_its_reason(answers: tuple[str, ...], outcome: str, word: str) -> None:
    verdict = eligibility.verdict(talk(*answers))
    assert verdict.outcome == outcome
    assert word in verdict.text() and "140 Bis" in verdict.text()


def test_what_the_first_message_says_is_not_asked() -> None:
    check = talk(
        first="soy mamá de un niño de 8 años, trabajo en una maquila y estoy asegurada, llevo 4 años cotizando"
    )
    assert {"edad", "semanas", "seguro", "parentesco"} <= set(check.known)
    question = eligibility.ask(check)
    assert question is not None and question.topic == "diagnostico"


def test_who_is_ruled_out_is_not_asked_any_more() -> None:
    assert eligibility.ask(talk(first="mi hijo de 18 años tiene leucemia, me toca la licencia?")) is None


def test_an_answer_that_is_not_understood_is_asked_once_more_and_then_counts_as_not_known() -> None:
    check = eligibility.start("", NOW)
    assert eligibility.ask(check) is not None
    eligibility.answer(check, "pues fíjese que ayer", NOW)
    again = eligibility.ask(check)
    assert again is not None and again.again and again.topic == "seguro" and again.text == TOPICS["seguro"].aclaracion
    eligibility.answer(check, "mmm", NOW)
    assert check.known["seguro"] == "no_se" and check.asked == ["seguro", "seguro"]


def test_a_bare_no_about_the_insurance_is_asked_again_rather_than_taken_as_out_of_work() -> None:
    assert situation.read("seguro", "no", NOW) is None


def test_a_pressed_button_is_its_answer() -> None:
    for name, topic in TOPICS.items():
        for option in topic.opciones:
            check = Check(asked=[name])
            eligibility.answer(check, option.boton, NOW)
            assert check.known[name] == option.valor


def test_an_intent_answers_a_yes_or_no_question() -> None:
    check = Check(asked=["diagnostico"])
    eligibility.answer(check, "simón compa ya desde hace rato", NOW, intent="afirmar")
    assert check.known["diagnostico"] == "imss"


def test_a_later_word_corrects_an_earlier_one() -> None:
    check = talk("si", "17 años")
    eligibility.answer(check, "perdón, mi hijo tiene 15 años", NOW)
    assert check.known["edad"] == "menor_16" and eligibility.ask(check) is not None


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("soy la avuelita i yo lo cuido", {"parentesco": "otro"}),
        ("tengo la custodia de mi nieto", {"parentesco": "custodia"}),
        ("mi hija trabaja en una tienda", {}),
        ("mi niña tiene 1 año y medio", {"edad": "menor_16"}),
        ("mi hijo lleva 3 años enfermo", {"parentesco": "madre_padre"}),
        ("yo tengo 38 años", {}),
        ("mi niño nació el 3 de marzo de 2008", {"edad": "mayor_16"}),
        ("tengo 20 semanas cotisadas", {"semanas": "menos_de_30"}),
        ("llevo cuatro años cotisando", {"semanas": "mas_de_52"}),
        ("lo diagnosticaron en un particular", {"diagnostico": "fuera"}),
        ("apenas le isieron la biopsia, esperando resultados", {"diagnostico": "en_estudio"}),
        ("no es cancer, es lupus", {"diagnostico": "otra_enfermedad"}),
        ("mi patrón no me tiene asegurada", {"seguro": "sin_seguro"}),
        ("somos de imss bienestar", {"seguro": "bienestar"}),
        ("mi esposo ya la sacó", {"otro_padre": "si"}),
        ("cuánto pagan de la licencia", {}),
    ],
)
def test_families_say_it_in_many_ways(said: str, known: dict[str, str]) -> None:
    assert situation.volunteered(said, NOW) == known


def test_every_combination_of_answers_ends_in_a_verdict_with_reasons_and_articles() -> None:
    values = [(*TOPICS[name].motivos, None) for name in TOPICS]
    seen = set()
    for combination in product(*values):
        check = Check({name: value for name, value in zip(TOPICS, combination) if value})
        verdict = eligibility.verdict(check)
        seen.add(verdict.outcome)
        assert verdict.reasons and all(reason.articulo and reason.texto and reason.fecha for reason in verdict.reasons)
        against = [TOPICS[name].motivos[value].lleva for name, value in check.known.items()]
        if "no" in against:
            assert verdict.outcome == "no"
        elif "pregunte" in against:
            assert verdict.outcome == "pregunte"
    assert seen == {"si", "no", "pregunte"}


def test_a_yes_needs_every_main_answer() -> None:
    for name in ("seguro", "edad", "diagnostico", "semanas"):
        known = {topic: value for topic, value in YES.items() if topic != name}
        assert eligibility.verdict(Check(known)).outcome == "pregunte"


answers_of_families = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["si", "no", "no se", "8 años", "16", "17", "el imss", "Otro hospital", "2 años", "20 semanas", "Mamá o papá",
         "soy la abuela", "honorarios", "ya la tiene mi esposo", "No la tiene", "?", "a ver", "tiene dies años"]
    ),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(first=answers_of_families, answers=st.lists(answers_of_families, min_size=12, max_size=12))
def test_never_more_than_five_questions_and_always_a_verdict(first: str, answers: list[str]) -> None:
    check, asked = eligibility.start(first, NOW), 0
    for said in answers:
        question = eligibility.ask(check)
        if question is None:
            break
        asked += 1
        assert question.topic not in check.known
        eligibility.answer(check, said, NOW)
    assert asked <= MOST_QUESTIONS
    assert eligibility.ask(check) is None
    verdict = eligibility.verdict(check)
    assert verdict.outcome in ("si", "no", "pregunte") and verdict.text()
    assert not verdict.text().count("certeza") or verdict.outcome == "pregunte"


def test_buttons_and_reasons_are_complete() -> None:
    for topic in TOPICS.values():
        assert "no_se" in topic.motivos and len(topic.opciones) <= 3
        assert all(len(option.boton) <= 20 and option.valor in topic.motivos for option in topic.opciones)
        assert all(isinstance(reason.fecha, date) for reason in topic.motivos.values())
