"""Taking down a case: real conversations, asked only what is missing, corrected at any moment, never in a circle."""

from datetime import datetime
from typing import Any

import pytest

from puente import clock
from puente.cases import intake as intakes
from puente.cases.intake import CONFIRMATION, CORRECTION, Heard, Intake, Outcome
from puente.knowledge import catalogs

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=clock.MEXICO_CITY)  # a Wednesday
LA_RAZA, SIGLO_XXI = "CMN La Raza", "CMN Siglo XXI"


def heard(text: str, intent: str = "informar", confidence: float = 0.9, /, **entities: str | list[str]) -> Heard:
    """A message as Rasa understood it."""
    listed = [
        {"entity": entity, "value": value}
        for entity, values in entities.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return Heard(text, intent, confidence, tuple(listed))


class Talk:
    """A family's side of the conversation."""

    def __init__(
        self, text: str, intent: str = "reportar_desabasto", /, *, kind: str = "desabasto", **entities: Any
    ) -> None:
        self.intake = intakes.start(kind, heard(text, intent, **entities), NOW)
        self.outcome = Outcome.ASK

    def say(self, text: str, intent: str = "informar", confidence: float = 0.9, /, **entities: Any) -> "Talk":
        # What is kept between two messages is JSON.
        self.intake = Intake.from_json(self.intake.as_json())
        self.outcome = intakes.consume(self.intake, heard(text, intent, confidence, **entities), NOW)
        return self

    @property
    def asking(self) -> str | None:
        return self.intake.asking if self.outcome in (Outcome.ASK, Outcome.UNCLEAR) else self.outcome.value

    @property
    def facts(self) -> dict[str, Any]:
        return self.intake.facts


def at_the_summary() -> Talk:
    """A shortage of two medicines, ready to be confirmed."""
    talk = Talk(
        "no hay vincristina ni mercaptopurina en la raza desde ayer",
        medicamento=["vincristina", "mercaptopurina"],
        unidad="la raza",
        fecha="desde ayer",
    )
    assert talk.asking == CONFIRMATION
    return talk


# ------------------------------------------------------------------------------------------- the usual reports


def test_a_message_that_says_everything_is_only_read_back() -> None:
    talk = Talk(
        "buenas, no ay vincristina pa mi niña en la raza desde el lunes y ya le tocaba",
        medicamento="vincristina",
        unidad="la raza",
        fecha="desde el lunes",
    )
    assert talk.asking == CONFIRMATION
    assert talk.facts["medicamentos"] == ["vincristina"]
    assert LA_RAZA in talk.facts["unidad"]
    assert talk.facts["fecha"] == "2026-11-23"
    assert [label for label, _ in intakes.summary(talk.intake)] == ["Medicamento", "Hospital o clínica", "Fecha"]
    assert ("Fecha", "lunes 23 de noviembre") in intakes.summary(talk.intake)
    assert talk.say("sí", "afirmar").outcome is Outcome.SEND


def test_only_what_the_first_message_lacks_is_asked_one_thing_at_a_time() -> None:
    talk = Talk("otra vez me regresaron sin la medicina del niño")
    assert talk.asking == "medicamentos"
    assert talk.say("purinetol y el metrotexato", medicamento=["purinetol", "metrotexato"]).asking == "unidad"
    assert talk.say("en la 48 de leon", unidad="la 48 de leon").asking == "fecha"
    assert talk.say("desde antier", fecha="desde antier").asking == CONFIRMATION
    assert talk.facts["medicamentos"] == ["mercaptopurina", "metotrexato"]
    assert "León" in talk.facts["unidad"]
    assert talk.facts["fecha"] == "2026-11-23"


def test_data_may_come_in_any_order() -> None:
    talk = Talk("no me surtieron la vincristina", medicamento="vincristina")
    assert talk.asking == "unidad"
    assert talk.say("fue desde el lunes", fecha="desde el lunes").asking == "unidad"
    assert talk.say("ah y tambien falta metotrexato", medicamento="metotrexato").asking == "unidad"
    assert talk.say("en la raza", unidad="la raza").asking == CONFIRMATION
    assert talk.facts["medicamentos"] == ["vincristina", "metotrexato"]


def test_what_the_classifier_missed_is_found_in_the_catalogues() -> None:
    talk = Talk("no hay vincristina en la raza")
    assert talk.facts["medicamentos"] == ["vincristina"]
    assert LA_RAZA in talk.facts["unidad"]
    talk = Talk("no me surtieron")
    assert talk.say("la vincristina", "nlu_fallback", 0.2).facts["medicamentos"] == ["vincristina"]


@pytest.mark.parametrize(
    ("words", "entities"),
    [("no le dieron su medicina", {"medicamento": "su medicina"}), ("no hay la quimio", {"medicamento": "la quimio"})],
)
def test_words_that_name_no_medicine_are_asked_again(words: str, entities: Any) -> None:
    assert Talk(words, **entities).asking == "medicamentos"


def test_a_hospital_without_a_name_is_asked_again() -> None:
    assert Talk("no hay vincristina en el hospital", medicamento="vincristina", unidad="el hospital").asking == "unidad"


def test_a_hospital_that_no_catalogue_knows_is_kept_as_it_was_said() -> None:
    talk = Talk("no hay mesna", medicamento="mesna")
    assert talk.say("hospital inventado de prueba", unidad="hospital inventado de prueba").asking == "fecha"
    assert talk.facts["unidad"] == "hospital inventado de prueba"


# ------------------------------------------------------------------------------------------------- honest doubts


def test_an_ambiguous_hospital_is_settled_by_its_city() -> None:
    talk = Talk("no ay citarabina en el hgz 1", medicamento="citarabina", unidad="hgz 1")
    assert talk.asking == "unidad"
    assert len(talk.intake.candidates["unidad"]) > 1
    assert talk.say("el de san luis potosi").asking == "fecha"
    assert "San Luis Potosí" in talk.facts["unidad"]


def test_an_ambiguous_hospital_is_settled_by_the_button() -> None:
    talk = Talk("no ay citarabina en el hgz 1", medicamento="citarabina", unidad="hgz 1")
    for candidate in talk.intake.candidates["unidad"]:
        assert intakes.choose(talk.intake.candidates["unidad"], candidate) == candidate


def test_an_ambiguous_answer_without_an_entity_becomes_a_choice_too() -> None:
    talk = Talk("no hay citarabina", medicamento="citarabina")
    assert talk.say("hgz 1", "nlu_fallback", 0.2).asking == "unidad"
    assert len(talk.intake.candidates["unidad"]) > 1


def test_the_place_in_the_list_is_an_answer() -> None:
    candidates = ["HGZ 1, Colima", "HGZ 1, Durango", "HGZ 1, Oaxaca"]
    assert intakes.choose(candidates, "la primera") == "HGZ 1, Colima"
    assert intakes.choose(candidates, "el segundo") == "HGZ 1, Durango"
    assert intakes.choose(candidates, "la última") == "HGZ 1, Oaxaca"
    assert intakes.choose(candidates, "la 1") is None
    assert intakes.choose(candidates, "el de oaxaca") == "HGZ 1, Oaxaca"
    assert intakes.choose(candidates, "") is None


def test_the_same_ambiguous_words_again_and_again_do_not_turn_in_a_circle() -> None:
    talk = Talk("no ay citarabina en el hgz 1", medicamento="citarabina", unidad="hgz 1")
    asked = 0
    while talk.asking == "unidad":
        asked += 1
        assert asked < 4
        talk.say("pues en el hgz 1", unidad="hgz 1")
    assert talk.facts["unidad"] == "pues en el hgz 1"


# ----------------------------------------------------------------------------------- not knowing, not understood


@pytest.mark.parametrize(
    "words",
    [
        "no sé",
        "no se como se llama joven",
        "ni idea",
        "no me acuerdo la verdad",
        "quién sabe",
        "omitir",
        "paso",
        "no lo recuerdo",
    ],
)
def test_not_knowing_is_an_answer_and_stands_in_the_summary(words: str) -> None:
    talk = Talk("no le dieron su quimio a mi nieto")
    assert talk.say(words, "informar").asking == "unidad"
    talk.say("en la raza", unidad="la raza").say("desde ayer", fecha="desde ayer")
    assert ("Medicamento", "no lo sé") in intakes.summary(talk.intake)
    assert talk.say("sí", "afirmar").outcome is Outcome.SEND


def test_a_short_no_to_a_question_is_not_knowing() -> None:
    assert Talk("no me surtieron").say("no", "negar").asking == "unidad"


@pytest.mark.parametrize(
    "story",
    [
        "no se presentó el doctor a la consulta",
        "pasó que no me dieron la quimio",
        "no se la quisieron dar",
        "no sabían ni dónde estaba su expediente y nadie se hizo cargo",
    ],
)
def test_a_story_that_sounds_like_not_knowing_is_kept(story: str) -> None:
    talk = Talk("quiero poner una queja", "queja_trato", kind="trato")
    assert talk.asking == "detalle"
    assert talk.say(story, "informar").asking == "unidad"
    assert talk.facts["detalle"] == story


@pytest.mark.parametrize(
    ("story", "intent"),
    [
        ("me cancelaron la quimio y nadie me dijo nada hasta que llegué", "cancelar"),
        ("el vigilante no me dejó pasar a ver a mi niña aunque era la hora", "queja_trato"),
        ("llevamos tres meses esperando la cita de la resonancia y nada", "reportar_demora"),
    ],
)
def test_a_story_is_not_thrown_away_for_the_topic_that_it_sounds_like(story: str, intent: str) -> None:
    talk = Talk("tengo un problema", "reportar_incidente", kind="incidente")
    assert talk.say(story, intent, 0.95).asking == "unidad"
    assert talk.facts["detalle"] == story


def test_what_is_not_understood_is_asked_once_more_and_then_kept_as_it_was_said() -> None:
    talk = Talk("no hay mesna en la raza", medicamento="mesna", unidad="la raza")
    assert talk.asking == "fecha"
    assert talk.say("cuando lo de la junta", "nlu_fallback", 0.3).outcome is Outcome.UNCLEAR
    assert talk.say("cuando lo de la junta le digo", "nlu_fallback", 0.3).asking == CONFIRMATION
    assert talk.facts["fecha"] == "cuando lo de la junta le digo"


def test_repeating_what_is_already_known_is_no_answer_but_no_circle_either() -> None:
    talk = Talk("no hay mesna", medicamento="mesna")
    assert talk.say("ya le dije que mesna", medicamento="mesna").outcome is Outcome.UNCLEAR
    assert talk.say("mesna pues", medicamento="mesna").asking == "fecha"


def test_the_phone_of_this_chat_can_be_named_as_such() -> None:
    intake = Intake("crisis", asking="telefono")
    assert intakes.consume(intake, heard("este mismo"), NOW) is Outcome.ASK
    assert intake.facts["telefono"] == "el mismo de este chat"


# ----------------------------------------------------------------------------------------------------- digression


def test_a_question_in_the_middle_is_a_digression_and_the_report_waits_where_it_was() -> None:
    talk = Talk("no me surtieron la vincristina", medicamento="vincristina")
    before = talk.intake.as_json()
    assert talk.say("oiga y usted es una persona o un robot", "eres_robot").outcome is Outcome.DIGRESSION
    assert talk.intake.as_json() == before
    assert talk.say("es en la raza", unidad="la raza").asking == "fecha"


def test_a_question_about_another_hospital_does_not_move_the_report() -> None:
    talk = Talk("no hay mesna en la raza", medicamento="mesna", unidad="la raza")
    question = ("¿a qué hora abre el banco de sangre de siglo xxi?", "requisitos_donacion", 0.9)
    assert talk.say(*question, unidad="siglo xxi").outcome is Outcome.DIGRESSION
    assert LA_RAZA in talk.facts["unidad"]
    talk.say("desde ayer", fecha="desde ayer")
    assert talk.say(*question, unidad="siglo xxi").outcome is Outcome.DIGRESSION
    assert LA_RAZA in talk.facts["unidad"]


def test_an_answer_that_sounds_like_another_topic_is_still_the_answer() -> None:
    talk = Talk("no hay mesna", medicamento="mesna")
    assert talk.say("en la clínica de la raza", "informacion_unidad", 0.9, unidad="la raza").asking == "fecha"


def test_an_unsure_guess_at_another_topic_is_no_digression() -> None:
    talk = Talk("no hay mesna", medicamento="mesna")
    assert talk.say("el de siempre pues", "apoyo_social", 0.3).outcome is Outcome.UNCLEAR


# ------------------------------------------------------------------------------------------------------ stopping


@pytest.mark.parametrize(
    ("words", "confidence"),
    [("ya mejor déjelo así, cancele todo", 0.3), ("cancelar", 1.0), ("olvídelo", 0.4), ("ya no", 0.8)],
)
def test_stopping_stops(words: str, confidence: float) -> None:
    assert Talk("no hay mesna").say(words, "cancelar", confidence).outcome is Outcome.CANCEL
    assert at_the_summary().say(words, "cancelar", confidence).outcome is Outcome.CANCEL


def test_an_unsure_guess_at_stopping_throws_nothing_away() -> None:
    talk = Talk("no hay mesna", medicamento="mesna").say("en la de siempre", "cancelar", 0.3)
    assert talk.outcome is not Outcome.CANCEL


def test_a_person_can_be_asked_for_at_any_moment() -> None:
    assert Talk("no hay mesna").say("páseme con alguien", "hablar_con_persona").outcome is Outcome.PERSON
    assert at_the_summary().say("páseme con alguien", "hablar_con_persona").outcome is Outcome.PERSON


# ---------------------------------------------------------------------------------------------------- corrections


def test_a_correction_in_the_middle_replaces_the_medicine() -> None:
    talk = Talk("no hay vincristina", medicamento="vincristina")
    words = "perdón, no es vincristina, es vinblastina"
    assert talk.say(words, medicamento=["vincristina", "vinblastina"]).asking == "unidad"
    assert talk.facts["medicamentos"] == ["vinblastina"]


def test_a_correction_without_the_old_name_replaces_it_too() -> None:
    talk = Talk("no hay vincristina", medicamento="vincristina")
    talk.say("me equivoqué, es vinblastina", medicamento="vinblastina")
    assert talk.facts["medicamentos"] == ["vinblastina"]


def test_one_more_is_added_even_with_an_excuse() -> None:
    talk = Talk("no hay vincristina", medicamento="vincristina")
    talk.say("perdón, también falta mesna", medicamento="mesna")
    assert talk.facts["medicamentos"] == ["vincristina", "mesna"]


def test_of_two_hospitals_in_a_correction_the_denied_one_is_not_taken() -> None:
    talk = at_the_summary().say("no es en la raza, es en siglo xxi", "negar", unidad=["la raza", "siglo xxi"])
    assert talk.asking == CONFIRMATION
    assert SIGLO_XXI in talk.facts["unidad"]


def test_a_hospital_that_is_only_denied_is_asked_again() -> None:
    talk = at_the_summary().say("no es en la raza", "negar", unidad="la raza")
    assert talk.asking == "unidad"
    assert SIGLO_XXI in talk.say("en siglo xxi", unidad="siglo xxi").facts["unidad"]


def test_correcting_one_of_several_medicines_keeps_the_others() -> None:
    words = "no es vincristina, es vinblastina"
    talk = at_the_summary().say(words, "negar", medicamento=["vincristina", "vinblastina"])
    assert talk.facts["medicamentos"] == ["mercaptopurina", "vinblastina"]


def test_taking_one_of_several_medicines_away_keeps_the_others() -> None:
    talk = at_the_summary().say("quite la vincristina por favor", "negar", medicamento="vincristina")
    assert talk.facts["medicamentos"] == ["mercaptopurina"]
    assert talk.asking == CONFIRMATION


def test_one_more_medicine_at_the_summary_is_added_and_read_back() -> None:
    talk = at_the_summary().say("sí y también falta mesna", "afirmar", medicamento="mesna")
    assert talk.facts["medicamentos"] == ["vincristina", "mercaptopurina", "mesna"]
    assert talk.asking == CONFIRMATION


def test_what_was_given_instead_is_not_a_denial_of_what_is_missing() -> None:
    talk = Talk("en lugar de vincristina me dieron otra", medicamento="vincristina")
    assert talk.facts["medicamentos"] == ["vincristina"]


@pytest.mark.parametrize("words", ["no", "corregir algo", "hay algo que está mal", "sí pero hay que cambiar algo"])
def test_a_no_at_the_summary_asks_what_to_correct(words: str) -> None:
    intent = "negar" if words == "no" else "afirmar"
    talk = at_the_summary().say(words, intent)
    assert talk.asking == CORRECTION
    talk.say("la fecha es desde el viernes", fecha="desde el viernes")
    assert (talk.asking, talk.facts["fecha"]) == (CONFIRMATION, "2026-11-20")


@pytest.mark.parametrize(
    ("words", "fact"),
    [("el hospital", "unidad"), ("está mal la fecha", "fecha"), ("el nombre de la medicina", "medicamentos")],
)
def test_a_datum_that_is_only_named_is_asked_anew(words: str, fact: str) -> None:
    talk = at_the_summary().say("no", "negar").say(words)
    assert talk.asking == fact
    assert fact not in talk.facts


def test_a_correction_that_fits_no_datum_is_kept_where_the_family_sees_it() -> None:
    talk = at_the_summary().say("no", "negar").say("que es la segunda vez que nos pasa")
    assert talk.asking == CONFIRMATION
    assert ("Lo que pasó", "que es la segunda vez que nos pasa") in intakes.summary(talk.intake)


# -------------------------------------------------------------------------------------------------- confirmation


@pytest.mark.parametrize(
    ("words", "intent"),
    [
        ("sí", "afirmar"),
        ("ahora si", "afirmar"),
        ("gracias", "agradecimiento"),
        ("okis", "nlu_fallback"),
        ("así está bien", "informar"),
        ("sí, en la raza, todo bien", "afirmar"),
        ("no hay nada que corregir, está bien", "afirmar"),
        ("👍🏽", "nlu_fallback"),
        ("mándelo por favor", "nlu_fallback"),
    ],
)
def test_a_yes_sends(words: str, intent: str) -> None:
    entities = {"unidad": "la raza"} if "raza" in words else {}
    assert at_the_summary().say(words, intent, 0.5, **entities).outcome is Outcome.SEND


def test_what_is_never_understood_at_the_summary_ends_with_a_person() -> None:
    talk = at_the_summary()
    assert talk.say("asdf", "nlu_fallback", 0.1).outcome is Outcome.UNCLEAR
    assert talk.say("asdf", "nlu_fallback", 0.1).outcome is Outcome.UNCLEAR
    assert talk.say("asdf", "nlu_fallback", 0.1).outcome is Outcome.PERSON


# ------------------------------------------------------------------------------------------- the catalogue's kinds


@pytest.mark.parametrize("kind", sorted(catalogs.kinds()))
def test_every_kind_of_case_comes_to_its_end_with_a_family_that_knows_nothing(kind: str) -> None:
    talk = Talk("hola", catalogs.kinds()[kind].intent, kind=kind)
    steps = 0
    while talk.asking != CONFIRMATION:
        steps += 1
        assert steps < 6
        assert talk.intake.asking in intakes.fact_types()
        talk.say("no sé")
    assert talk.say("sí", "afirmar").outcome is Outcome.SEND


def test_every_datum_of_every_kind_can_be_asked() -> None:
    for kind in catalogs.kinds().values():
        assert {*kind.required, *kind.helpful} <= set(intakes.fact_types()), kind.id


def test_a_stored_report_of_an_older_version_still_goes_on() -> None:
    stored = {**Talk("no hay mesna", medicamento="mesna").intake.as_json(), "retirado": 1, "asking": "dato_retirado"}
    intake = Intake.from_json(stored)
    assert intakes.consume(intake, heard("en la raza", unidad="la raza"), NOW) is Outcome.ASK
    assert intake.asking == "unidad"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("fecha", "2026-11-16", "lunes 16 de noviembre"),
        ("fecha", "hace mucho", "hace mucho"),
        ("medicamentos", ["vincristina", "mesna"], "vincristina, mesna"),
    ],
)
def test_facts_are_shown_as_a_family_reads_them(name: str, value: Any, shown: str) -> None:
    assert intakes.show(name, value) == shown
