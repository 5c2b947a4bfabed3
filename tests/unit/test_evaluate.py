"""What the evaluation measures, against numbers worked out by hand."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from puente.training import floors as thresholds
from puente.training import page
from puente.training.evaluate import Report, matches, measure, overlap, wilson
from puente.training.floors import Floors, FloorsError

Message = dict[str, Any]


def entity(kind: str, start: int, end: int, **more: Any) -> Message:
    return {"entity": kind, "start": start, "end": end, "value": "x" * (end - start), **more}


def gold(intent: str | None, entities: list[Message] | None = None, **more: Any) -> Message:
    return {"text": "un mensaje", "intent": intent, "entities": entities, **more}


def said(intent: str | None, confidence: float = 0.9, decision: str = "act", **more: Any) -> Message:
    answer = {"text": "un mensaje", "intent": intent, "confidence": confidence, "decision": decision}
    return {**answer, "entities": [], **more}


def report_of(*pairs: tuple[Message, Message]) -> Report:
    return measure([wanted for wanted, _ in pairs], [answer for _, answer in pairs])


def of_intents(*pairs: tuple[str, str]) -> Report:
    return report_of(*((gold(wanted), said(answer)) for wanted, answer in pairs))


MIXED = [("a", "a"), ("a", "a"), ("a", "b"), ("b", "b"), ("c", "b"), ("c", "d")]

# ---- proportions


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (90, 100, 0.8256, 0.9448)],
)
def test_an_interval_is_wilsons(right: int, total: int, low: float, high: float) -> None:
    assert wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_nothing_measured_can_be_anything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


# ---- intents


def test_accuracy_counts_messages_and_carries_its_interval() -> None:
    accuracy = of_intents(*MIXED).accuracy
    assert (accuracy["value"], accuracy["right"], accuracy["n"]) == (0.5, 3, 6)
    assert accuracy["low"] == pytest.approx(0.1876, abs=1e-4)
    assert accuracy["high"] == pytest.approx(0.8124, abs=1e-4)


def test_each_intent_has_precision_recall_and_f1() -> None:
    table = of_intents(*MIXED).intents
    rows = {name: (row["precision"], row["recall"], row["f1"], row["support"]) for name, row in table.items()}
    assert rows["a"] == (1.0, 0.6667, 0.8, 3)
    assert rows["b"] == (0.3333, 1.0, 0.5, 1)
    assert rows["c"] == (None, 0.0, 0.0, 2)  # never said: there is no precision to speak of
    assert rows["d"] == (0.0, None, 0.0, 0)


def test_macro_f1_weighs_every_labelled_intent_the_same() -> None:
    assert of_intents(*MIXED).macro_f1 == 0.4333  # (0.8 + 0.5 + 0) / 3; d was never meant


def test_confusions_come_most_frequent_first_with_their_lines() -> None:
    report = measure(
        [gold("a"), gold("a"), gold("b"), gold("a")], [said("b"), said("a"), said("a"), said("b")], [2, 3, 5, 9]
    )
    assert report.confusions == [
        {"intent": "a", "taken_for": "b", "count": 2, "lines": [2, 9]},
        {"intent": "b", "taken_for": "a", "count": 1, "lines": [5]},
    ]
    assert report.matrix == {"a": {"a": 1, "b": 2}, "b": {"a": 1}}


def test_a_mistake_counts_as_confident_only_when_nothing_was_asked() -> None:
    report = report_of(
        (gold("a"), said("b", decision="act")),
        (gold("a"), said("b", decision="ask")),
        (gold("a"), said("a", decision="act")),
        (gold("a"), said("a", decision="ask")),
    )
    assert report.wrong_with_confidence["value"] == 0.25
    assert report.asked["value"] == 0.5


def test_what_it_offers_when_it_asks_is_right_when_it_is_among_the_first_two() -> None:
    ranking = [{"intent": name, "confidence": 0.3} for name in ("a", "b", "c")]
    answers = [said("a", decision="ask", alternatives=ranking)] * 3
    report = report_of(*zip([gold("a"), gold("b"), gold("c")], answers, strict=True))
    assert (report.offered["right"], report.offered["n"]) == (2, 3)


def test_a_message_without_any_intent_is_an_error_like_others() -> None:
    report = report_of((gold("a"), said(None, 0.0, "ask")), (gold("a"), said("a")))
    assert report.accuracy["value"] == 0.5
    assert report.confusions[0]["taken_for"] == "(nada)"


def test_an_error_names_its_line_and_its_voice() -> None:
    report = measure([gold("a", voice="abuela")], [said("b", 0.71)], [17])
    (error,) = report.errors
    assert (error["line"], error["voice"], error["intent"], error["taken_for"]) == (17, "abuela", "a", "b")
    assert (error["confidence"], error["decision"]) == (0.71, "act")


def test_unlabelled_messages_are_counted_but_not_measured() -> None:
    report = report_of((gold(None), said("a")), (gold("a"), said("a")))
    assert (report.messages, report.accuracy["n"], report.accuracy["value"]) == (2, 1, 1.0)


def test_messages_in_another_order_are_refused() -> None:
    with pytest.raises(ValueError, match="same order"):
        measure([{**gold("a"), "text": "uno"}], [{**said("a"), "text": "dos"}])


# ---- voices


def test_each_voice_has_its_own_figures() -> None:
    voices = report_of(
        (gold("a", voice="abuela"), said("a")),
        (gold("a", voice="abuela"), said("b")),
        (gold("a", [entity("nss", 0, 3)], voice="obrero"), said("a", entities=[entity("nss", 0, 3)])),
        (gold("a"), said("a", decision="ask")),
    ).voices
    assert {voice: row["accuracy"]["value"] for voice, row in voices.items()} == {
        "abuela": 0.5,
        "obrero": 1.0,
        "(sin voz)": 1.0,
    }
    assert voices["abuela"]["wrong_with_confidence"]["value"] == 0.5
    assert voices["obrero"]["entity_f1"] == 1.0
    assert voices["abuela"]["entity_f1"] is None  # nobody labelled entities there
    assert voices["(sin voz)"]["asked"]["value"] == 1.0


def test_messages_that_name_no_voice_make_no_table() -> None:
    assert of_intents(("a", "a")).voices == {}


# ---- confidence


def test_calibration_compares_confidence_with_truth_in_tenths() -> None:
    report = report_of(
        (gold("a"), said("a", 0.95)),
        (gold("a"), said("b", 0.91)),
        (gold("a"), said("a", 0.55)),
        (gold("a"), said("a", 0.52)),
    )
    fifth, ninth = report.calibration
    assert (fifth["from"], fifth["messages"], fifth["confidence"], fifth["right"]) == (0.5, 2, 0.535, 1.0)
    assert (ninth["from"], ninth["messages"], ninth["confidence"], ninth["right"]) == (0.9, 2, 0.93, 0.5)
    assert report.calibration_error == 0.4475  # (2 * 0.465 + 2 * 0.43) / 4


def test_full_confidence_belongs_to_the_last_tenth() -> None:
    (only,) = report_of((gold("a"), said("a", 1.0))).calibration
    assert (only["from"], only["to"]) == (0.9, 1.0)


# ---- entities


def test_entities_are_scored_overlapping_and_exact() -> None:
    wanted = [entity("medicamento", 0, 10), entity("unidad", 20, 30), entity("fecha", 40, 50)]
    found = [entity("medicamento", 0, 10), entity("unidad", 22, 35), entity("hora", 40, 50), entity("unidad", 60, 70)]
    report = report_of((gold("a", wanted), said("a", entities=found)))
    assert report.entity_f1 == 0.5714  # 2 of 3 labelled, 2 of 4 said: 4 / 7
    assert report.entity_f1_exact == 0.2857  # 1 of 3, 1 of 4: 2 / 7
    unit = report.entities_overlapping["unidad"]
    assert (unit["precision"], unit["recall"], unit["f1"]) == (0.5, 1.0, 0.6667)
    assert [(error["error"], error["entity"]) for error in report.entity_errors] == [
        ("recorte", "unidad"),
        ("falta", "fecha"),
        ("sobra", "hora"),
        ("sobra", "unidad"),
    ]


def test_spans_that_only_touch_do_not_overlap() -> None:
    report = report_of((gold("a", [entity("nss", 0, 5)]), said("a", entities=[entity("nss", 5, 9)])))
    assert report.entity_f1 == 0.0


def test_one_found_span_answers_for_one_labelled_span_only() -> None:
    wanted = [entity("fecha", 0, 5), entity("fecha", 6, 11)]
    report = report_of((gold("a", wanted), said("a", entities=[entity("fecha", 0, 11)])))
    assert report.entities_overlapping["fecha"]["recall"] == 0.5


def test_a_wide_span_does_not_take_the_place_of_a_better_pairing() -> None:
    first, second = entity("fecha", 0, 5), entity("fecha", 6, 11)
    wide, narrow = entity("fecha", 0, 11), entity("fecha", 0, 4)
    assert matches([first, second], [wide, narrow], overlap) == [narrow, wide]


def test_of_two_that_overlap_the_longer_is_the_one_found() -> None:
    scrap, whole = entity("unidad", 0, 2), entity("unidad", 3, 10)
    assert matches([entity("unidad", 0, 10)], [scrap, whole], overlap) == [whole]


def test_messages_whose_entities_nobody_labelled_are_not_held_against_it() -> None:
    found = [entity("nss", 0, 5)]
    report = report_of((gold("a", None), said("a", entities=found)), (gold("a", [*found]), said("a", entities=found)))
    assert report.entity_f1 == 1.0
    assert report_of((gold("a", []), said("a", entities=found))).entity_f1 == 0.0  # labelled: there is none


# ---- what entities stand for


def resolution_of(wanted: Message, found: list[Message]) -> Report:
    return report_of((gold("a", [entity("unidad", 0, 5, **wanted)]), said("a", entities=found)))


def found(resolved: str | None, *candidates: str) -> list[Message]:
    return [entity("unidad", 1, 5, resolved=resolved, candidates=list(candidates))]


@pytest.mark.parametrize(
    ("wanted", "answer", "right"),
    [
        ({"resolved": "HGZ 1"}, found("HGZ 1"), True),
        ({"resolved": "HGZ 1"}, found("HGZ 2"), False),
        ({"resolved": "HGZ 1"}, found(None, "HGZ 1", "HGZ 2"), False),
        ({"resolved": "HGZ 1"}, [], False),  # not found is not resolved
        ({"resolved": None, "candidates": ["HGZ 1", "HGZ 2"]}, found(None, "HGZ 2", "HGZ 1"), True),
        ({"resolved": None, "candidates": ["HGZ 1", "HGZ 2"]}, found(None, "HGZ 1"), False),
        ({"resolved": None, "candidates": ["HGZ 1", "HGZ 2"]}, found(None, "HGZ 1", "HGZ 2", "HGZ 3"), False),
        ({"resolved": None, "candidates": ["HGZ 1", "HGZ 2"]}, found("HGZ 1"), False),  # feigned certainty
        ({"resolved": None, "candidates": []}, found(None), True),
        ({"resolved": None, "candidates": []}, found(None, "HGZ 1"), False),
        ({"resolved": None}, found(None, "HGZ 1", "HGZ 2"), True),  # left open, and no candidates were labelled
        ({"resolved": None, "candidates": []}, [], False),
    ],
)
def test_resolution_is_right_when_it_names_the_one_or_admits_the_same_doubt(
    wanted: Message, answer: list[Message], right: bool
) -> None:
    report = resolution_of(wanted, answer)
    assert report.resolution is not None
    assert report.resolution["unidad"]["right"] == right
    assert len(report.resolution_errors) == (not right)


def test_resolution_is_also_told_of_those_that_were_found() -> None:
    wanted = [entity("unidad", 0, 5, resolved="HGZ 1"), entity("fecha", 10, 15, resolved="2026-11-22")]
    report = report_of((gold(None, wanted), said("a", entities=found("HGZ 1"))))
    assert report.resolution is not None
    total = report.resolution["todas"]
    assert (total["value"], total["of_found"]["value"], total["of_found"]["n"]) == (0.5, 1.0, 1)
    (error,) = report.resolution_errors
    assert (error["entity"], error["expected"], error["found"]) == ("fecha", "2026-11-22", None)


def test_names_and_symptoms_prove_nothing_by_staying_as_written() -> None:
    wanted = [entity("paciente", 0, 5, resolved=None), entity("sintoma", 6, 9, resolved=None)]
    answer = [{**each, "candidates": []} for each in wanted]
    assert report_of((gold("a", wanted), said("a", entities=answer))).resolution is None


# ---- thresholds


INTENTS = ["a", "b", "c"]


def not_held(floors: Floors, opens_case: tuple[str, ...] = ()) -> list[str]:
    return thresholds.not_held(of_intents(*MIXED), floors, INTENTS, opens_case)


def test_thresholds_that_hold_are_not_named() -> None:
    assert not_held(Floors(accuracy=0.5, macro_f1=0.4, wrong_with_confidence=0.5, recall={"a": 0.66})) == []


def test_each_threshold_not_held_is_named_with_both_numbers() -> None:
    assert not_held(Floors(accuracy=0.6, wrong_with_confidence=0.02, recall={"a": 0.9, "b": 0.9})) == [
        "intención correcta: 50.0 %; se pide al menos 60.0 %",
        "equivocados sin preguntar: 50.0 %; se pide a lo más 2.0 %",
        "recuperación de a: 66.7 %; se pide al menos 90.0 %",
    ]


def test_an_intent_that_opens_a_case_cannot_be_let_down_by_its_own_threshold() -> None:
    floors = Floors(recall_when_it_opens_a_case=0.7, recall={"a": 0.1})
    assert not_held(floors, ("a",)) == ["recuperación de a: 66.7 %; se pide al menos 70.0 %"]
    assert not_held(floors, ()) == []


def test_every_intent_has_a_threshold_when_one_is_set_for_all() -> None:
    assert not_held(Floors(recall_of_every_intent=0.5)) == ["recuperación de c: 0.0 %; se pide al menos 50.0 %"]


def test_what_was_not_measured_does_not_hold() -> None:
    (entities, unknown) = not_held(Floors(entity_f1=0.5, recall={"z": 0.5}))
    assert entities.startswith("F1 de datos: no se midió")
    assert unknown.startswith("recuperación de z: no se midió")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("acuracy: 0.9", "acuracy"),
        ("accuracy: 90", "accuracy debe estar entre 0 y 1"),
        ("recall: {a: 1.5}", "a debe estar entre 0 y 1"),
        ("recall: [a]", "recall"),
        ("accuracy: [", "floors.yml"),
    ],
)
def test_a_file_of_thresholds_with_a_mistake_is_refused(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "floors.yml").write_text(text)
    with pytest.raises(FloorsError, match=named):
        thresholds.read(tmp_path / "floors.yml")


@pytest.mark.parametrize("name", ["thresholds.yml", "resolution_thresholds.yml"])
def test_the_projects_own_thresholds_can_be_read(name: str) -> None:
    floors = thresholds.read(Path(__file__).parent.parent / "data" / name)
    assert floors != Floors()


# ---- the page


def page_of(report: Report) -> str:
    return page.render(report, source="muestra.jsonl", now=datetime(2026, 11, 22, 9, 5), order=["c", "a"])


def test_the_page_shows_every_error_and_escapes_what_people_write() -> None:
    wanted = {**gold("a", [entity("unidad", 0, 5, resolved="HGZ 1")], voice="abuela"), "text": "<b>ay</b> no"}
    html = page_of(measure([wanted], [{**said("b"), "text": "<b>ay</b> no"}], [41]))
    assert "&lt;b&gt;ay&lt;/b&gt; no" in html
    assert "<b>ay" not in html
    assert "renglón 41 · abuela" in html
    assert "no lo vio" in html
    assert "22 de noviembre de 2026, 09:05" in html


def test_the_page_can_be_made_of_whatever_was_measured() -> None:
    only_resolution = report_of((gold(None, [entity("unidad", 0, 5, resolved="x")]), said("a", entities=found("x"))))
    assert "A qué se refieren" in page_of(only_resolution)
    assert "Por intención" not in page_of(only_resolution)
    assert "Datos que reconoce" not in page_of(of_intents(*MIXED))
    assert "(nada)" in page_of(report_of((gold("a"), said(None, 0.0, "ask"))))


def test_the_page_says_which_thresholds_do_not_hold() -> None:
    report = of_intents(*MIXED)
    assert "umbral" not in page_of(report)
    report.not_held = []
    assert "Se cumplen todos los umbrales" in page_of(report)
    report.not_held = ["intención correcta: 50.0 %; se pide al menos 60.0 %"]
    assert "1 umbral no se cumple" in page_of(report)


def test_intents_stand_in_the_order_of_the_language() -> None:
    html = page_of(of_intents(*MIXED))
    matrix = html[html.index('class="matrix"') :]
    assert matrix.index(">c<") < matrix.index(">a<") < matrix.index(">b<")
