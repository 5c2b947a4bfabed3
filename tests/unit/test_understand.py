"""Understanding a file of messages: what is read, what is refused, and what is written. The model is played."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from puente import assistant, cli
from puente import settings as configuration
from puente.training import commands, lines
from puente.training.commands import UnderstandingError
from puente.training.lines import BadLine
from puente.training.understand import ENTITY_KEYS, KEYS, complete

INTENTS = ["saludo", "reportar_desabasto", "solicitar_cita"]
ENTITIES = ["medicamento", "unidad", "fecha"]
PARSE = {"intent": "saludo", "confidence": 0.9, "decision": "act", "alternatives": [], "entities": []}


def file_of(folder: Path, *messages: Any, name: str = "mensajes.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(message, ensure_ascii=False) + "\n" for message in messages), "utf-8")
    return path


def labelled(folder: Path, *messages: Any) -> list[dict[str, Any]]:
    return [line.message for line in lines.labelled(lines.read(file_of(folder, *messages)), INTENTS, ENTITIES)]


def refused(folder: Path, *messages: Any) -> str:
    with pytest.raises(BadLine) as problem:
        labelled(folder, *messages)
    return str(problem.value)


# ---- reading


def test_every_bad_line_is_named_by_its_number_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "mensajes.jsonl"
    path.write_bytes(
        b'{"text": "bien"}\n\n{"text": \n["x"]\n{"intent": "saludo"}\n{"text": 7}\n{"text": "\xe1"}\n'
        b'{"text": "\\ud83d"}\n{"text": "x", "now": "ayer"}\n{"text": "x", "now": 5}\n{"text": "bien"}'
    )
    with pytest.raises(BadLine) as problem:
        lines.read(path)
    found = dict(sentence.split(": ", 1) for sentence in str(problem.value).splitlines())
    assert set(found) == {f"línea {number}" for number in range(3, 11)}
    assert "no es JSON" in found["línea 3"]
    assert "objeto" in found["línea 4"]
    assert "le falta «text»" in found["línea 5"]
    assert "«text» no es texto" in found["línea 6"]
    assert "UTF-8" in found["línea 7"]
    assert "medio emoji" in found["línea 8"]
    assert "«now»" in found["línea 9"] and "'ayer'" in found["línea 9"]
    assert "«now» no es texto" in found["línea 10"]


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "mensajes.jsonl"
    path.write_text("mal\n" * 25)
    with pytest.raises(BadLine, match="y 5 líneas más con problemas"):
        lines.read(path)


def test_only_the_line_feed_ends_a_line(tmp_path: Path) -> None:
    texts = ["uno\u2028dos", "tres\x85cuatro", "cinco\x0bseis", "siete\nocho"]
    read = lines.read(file_of(tmp_path, *({"text": text} for text in texts)))
    assert [line.message["text"] for line in read] == texts


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "mensajes.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "uno"}\r\n\r\n{"text": "dos"}\r\n')
    assert [(line.number, line.message["text"]) for line in lines.read(path)] == [(1, "uno"), (3, "dos")]


# ---- labels


def test_a_label_that_the_language_does_not_have_is_named_with_the_nearest(tmp_path: Path) -> None:
    text = refused(
        tmp_path,
        {"text": "x", "intent": "reportar_desabsto"},
        {"text": "x", "intent": "saludo", "entities": [{"entity": "medicamentos", "start": 0, "end": 1}]},
    )
    assert "línea 1: no existe la intención «reportar_desabsto»; ¿será «reportar_desabasto»?" in text
    assert "línea 2: no existe el dato «medicamentos»; ¿será «medicamento»?" in text


@pytest.mark.parametrize(
    ("entities", "reason"),
    [
        ("nada", "no es una lista"),
        (["unidad"], "no es una lista"),
        ([{"start": 0, "end": 1}], "sin «entity»"),
        ([{"entity": "unidad", "start": 0, "end": 99}], "de 0 a 99 no es un trozo del texto (17 caracteres)"),
        ([{"entity": "unidad", "start": 4, "end": 4}], "de 4 a 4"),
        ([{"entity": "unidad", "start": 4}], "de 4 a None"),
        ([{"entity": "unidad", "start": "4", "end": 8}], "de 4 a 8"),
        ([{"entity": "unidad", "value": "la 25"}], "«la 25» no está en el texto"),
        ([{"entity": "unidad"}], "ni «value» con qué buscarlo"),
        ([{"entity": "unidad", "value": "la raza", "resolved": 3}], "«resolved» de unidad"),
        ([{"entity": "unidad", "value": "la raza", "candidates": "HGZ 1"}], "«candidates» de unidad"),
    ],
)
def test_an_entity_that_cannot_be_placed_is_refused(tmp_path: Path, entities: Any, reason: str) -> None:
    assert reason in refused(tmp_path, {"text": "no hay en la raza", "entities": entities})


def test_an_entity_without_place_is_looked_for_in_the_text(tmp_path: Path) -> None:
    def spans(text: str, *values: str) -> list[tuple[int, int]]:
        message = {"text": text, "entities": [{"entity": "fecha", "value": value} for value in values]}
        return [(entity["start"], entity["end"]) for entity in labelled(tmp_path, message)[0]["entities"]]

    assert spans("no hay Desde Ayer", "desde ayer") == [(7, 17)]
    assert spans("el chihuahua, en chih", "chih") == [(17, 21)]  # whole words first
    assert spans("desde enero no, desde enero", "desde enero", "desde enero") == [(0, 11), (16, 27)]
    assert spans("pal15demarzo", "15demarzo") == [(3, 12)]


def test_a_line_may_lack_labels(tmp_path: Path) -> None:
    first, second = labelled(tmp_path, {"text": "hola", "intent": "saludo"}, {"text": "x", "entities": []})
    assert "entities" not in first
    assert "intent" not in second


# ---- completing


def test_dates_are_resolved_against_the_messages_own_now() -> None:
    said = {"entity": "fecha", "value": "mañana", "start": 0, "end": 6}
    answer = complete({"text": "mañana", "now": "2026-11-23T20:00:00-06:00"}, {**PARSE, "entities": [said]})
    assert answer["entities"] == [{**said, "resolved": "2026-11-24", "candidates": []}]


def test_a_time_without_zone_is_mexico_citys() -> None:
    assert lines.moment("2026-11-23T20:00:00") == datetime.fromisoformat("2026-11-23T20:00:00-06:00")


def test_urgency_is_added_and_the_lines_own_keys_stay() -> None:
    answer = complete({"text": "buenas tardes", "voice": "abuela"}, PARSE)
    assert (answer["urgency"], answer["urgency_kind"], answer["voice"]) == ("none", None, "abuela")
    assert 0 <= answer["urgency_score"] <= 1


def test_an_entity_that_the_language_does_not_have_stays_open() -> None:
    said = {"entity": "numero", "value": "8", "start": 0, "end": 1}
    (entity,) = complete({"text": "8"}, {**PARSE, "entities": [said]})["entities"]
    assert (entity["resolved"], entity["candidates"]) == (None, [])


# ---- the commands, with a model that is played

MODEL = """#!{python}
import json, sys
source, target = sys.argv[3:5]
with open(source) as lines, open(target, "w") as out:
    for line in lines:
        message = json.loads(line)
        assert set(message) == {{"text"}}, message
        intent = "reportar_desabasto" if "no hay" in message["text"] else "saludo"
        at = message["text"].find("vincristina")
        entities = [dict(entity="medicamento", value="vincristina", start=at, end=at + 11)] if at >= 0 else []
        answer = dict(intent=intent, confidence=0.9, decision="act", alternatives=[], entities=entities)
        print(json.dumps({{**message, **answer}}), file=out)
print("what the model's process prints")
{ending}
"""


@pytest.fixture
def settings(tmp_path: Path) -> configuration.Settings:
    return configuration.load({"PUENTE_HOME": str(tmp_path / "var")})


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of Rasa's Python, and results in a folder of their own."""
    program = tmp_path / "model"
    program.write_text(MODEL.format(python=sys.executable, ending=""))
    program.chmod(0o755)
    monkeypatch.setattr(assistant, "PYTHON", program)
    monkeypatch.setattr(assistant, "model_is_current", lambda: True)
    monkeypatch.setattr(commands, "RESULTS", tmp_path / "results")
    return program


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the model fails the test."""

    def touched() -> bool:
        raise AssertionError("the model was touched")

    monkeypatch.setattr(assistant, "model_is_current", touched)


def understood(settings: configuration.Settings, source: Path) -> list[dict[str, Any]]:
    target = source.with_name("salida") / "entendido.jsonl"
    commands.understand(settings, source, target)
    return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


def test_each_line_gets_exactly_the_keys_of_the_interface(
    tmp_path: Path, settings: configuration.Settings, model: Path
) -> None:
    source = file_of(tmp_path, {"text": "no hay vincristina", "id": 7}, {"text": "hola"})
    first, second = understood(settings, source)
    assert set(first) == {"text", "id", *KEYS}
    assert set(second) == {"text", *KEYS}
    assert set(first["entities"][0]) == set(ENTITY_KEYS)
    assert (first["id"], first["intent"], first["entities"][0]["resolved"]) == (7, "reportar_desabasto", "vincristina")


def test_labels_in_the_input_are_never_taken_for_answers(
    tmp_path: Path, settings: configuration.Settings, model: Path
) -> None:
    label = {"intent": "solicitar_cita", "urgency": "certain", "entities": [{"entity": "curp", "value": "x"}]}
    (answer,) = understood(settings, file_of(tmp_path, {"text": "hola", **label}))
    assert (answer["intent"], answer["urgency"], answer["entities"]) == ("saludo", "none", [])


def test_odd_texts_come_back_whole_and_in_order(tmp_path: Path, settings: configuration.Settings, model: Path) -> None:
    texts = ["", "uno\u2028dos\x85", "🩸 plaquetas", "línea\nlínea", "hola", "hola"]
    answers = understood(settings, file_of(tmp_path, *({"text": text} for text in texts)))
    assert [answer["text"] for answer in answers] == texts


@pytest.mark.usefixtures("no_model")
def test_an_empty_file_is_understood_without_a_model(tmp_path: Path, settings: configuration.Settings) -> None:
    assert understood(settings, file_of(tmp_path)) == []


@pytest.mark.usefixtures("no_model")
def test_what_is_wrong_with_the_files_is_said_before_the_model_is_touched(
    tmp_path: Path, settings: configuration.Settings
) -> None:
    source = file_of(tmp_path, {"text": "hola"})
    with pytest.raises(UnderstandingError, match="no existe el archivo"):
        commands.understand(settings, tmp_path / "otro.jsonl", tmp_path / "salida.jsonl")
    with pytest.raises(UnderstandingError, match="es una carpeta"):
        commands.understand(settings, source, tmp_path)
    with pytest.raises(UnderstandingError, match="no se puede leer"):
        commands.understand(settings, tmp_path, tmp_path / "salida.jsonl")
    with pytest.raises(UnderstandingError, match="se perderían sus etiquetas"):
        commands.understand(settings, source, source)
    with pytest.raises(UnderstandingError, match="ningún mensaje tiene etiquetas"):
        commands.evaluate(settings, source)
    with pytest.raises(BadLine, match="línea 1"):
        commands.evaluate(settings, file_of(tmp_path, {"text": "hola", "intent": "nada"}))


def test_a_model_that_fails_leaves_what_there_was(
    tmp_path: Path, settings: configuration.Settings, model: Path
) -> None:
    model.write_text(MODEL.format(python=sys.executable, ending="sys.exit(3)"))
    target = file_of(tmp_path, {"text": "de antes"}, name="salida.jsonl")
    with pytest.raises(UnderstandingError, match="no pudo leer"):
        commands.understand(settings, file_of(tmp_path, {"text": "hola"}), target)
    assert "de antes" in target.read_text()


def test_a_model_that_loses_a_message_is_not_believed(
    tmp_path: Path, settings: configuration.Settings, model: Path
) -> None:
    model.write_text(MODEL.format(python=sys.executable, ending="open(target, 'w').close()"))
    with pytest.raises(UnderstandingError, match="los mismos mensajes"):
        commands.understand(settings, file_of(tmp_path, {"text": "hola"}), tmp_path / "salida.jsonl")


# ---- puente evaluate

LABELLED = [
    {"text": "no hay vincristina", "intent": "reportar_desabasto", "entities": [], "voice": "abuela"},
    {"text": "otra vez me cambiaron la cita", "intent": "reportar_demora", "entities": []},
]


def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, floors: str | None = None) -> Any:
    monkeypatch.setenv("PUENTE_HOME", str(tmp_path / "var"))
    arguments = ["evaluate", str(file_of(tmp_path, *LABELLED, name="muestra.jsonl"))]
    if floors is not None:
        (tmp_path / "floors.yml").write_text(floors)
        arguments += ["--floors", str(tmp_path / "floors.yml")]
    return CliRunner().invoke(cli.app, arguments)


def test_evaluating_prints_the_report_and_leaves_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run(tmp_path, monkeypatch)
    report = json.loads(result.stdout)
    printed = capfd.readouterr()
    assert "what the model's process prints" not in printed.out  # it would not be JSON any more
    assert "what the model's process prints" in printed.err
    assert result.exit_code == 0
    assert report["accuracy"]["value"] == 0.5
    assert report["not_held"] is None
    results = tmp_path / "results"
    assert json.loads((results / "muestra.report.json").read_text()) == report
    assert "otra vez me cambiaron la cita" in (results / "muestra.report.html").read_text()
    assert len((results / "muestra.understood.jsonl").read_text().splitlines()) == 2


def test_thresholds_that_hold_let_the_command_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    result = run(tmp_path, monkeypatch, "{accuracy: 0.5, recall: {reportar_desabasto: 1.0}}")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["not_held"] == []


def test_a_threshold_not_held_fails_the_command_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    result = run(tmp_path, monkeypatch, "{accuracy: 0.9, recall: {reportar_demora: 0.9, reportar_desabasto: 0.9}}")
    assert result.exit_code == 1
    sentences = str(result.exception) + result.output  # where it is written depends on who runs the command
    assert "intención correcta: 50.0 %; se pide al menos 90.0 %" in sentences
    assert "recuperación de reportar_demora: 0.0 %" in sentences
    assert "recuperación de reportar_desabasto" not in sentences


@pytest.mark.usefixtures("no_model")
def test_a_bad_file_of_thresholds_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(tmp_path, monkeypatch, "acuracy: 0.9")
    assert result.exit_code == 1
    assert "acuracy" in str(result.exception) + result.output


def test_the_intents_are_those_of_the_domain_and_each_opens_a_case_that_exists() -> None:
    intents = commands._intents()
    assert len(intents) == len(set(intents)) == 39
    assert commands._intents_that_open_cases() <= set(intents)
