"""Entities: what has a form of its own, what stands in a catalogue, what must be learnt, and who wins."""

import re
from pathlib import Path

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.entities import patterns, spoken
from bot.nlu.entities.crf import EntityCrf, Example, tags
from bot.nlu.entities.extractor import EntityFinder
from bot.nlu.entities.gazetteer import Catalogs
from bot.nlu.entities.names import whole_names
from bot.nlu.entities.spans import Span, merge
from bot.nlu.entities.spoken import completed
from bot.nlu.normalizer import pieces


def found(text: str) -> list[tuple[str, str]]:
    return [(s.entity, text[s.start : s.end]) for s in merge(patterns.find(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mi cel es 55 5555 0134", ("telefono", "55 5555 0134")),
        ("marque al +52 81 5550 0199 porfa", ("telefono", "+52 81 5550 0199")),
        ("nss 12345678903", ("nss", "12345678903")),
        ("1234 56 7890 3 es el seguro", ("nss", "1234 56 7890 3")),
        ("HEGG 560427 MVZRRL04", ("curp", "HEGG 560427 MVZRRL04")),
        ("nss 0211857733", ("nss", "0211857733")),
        ("su curp hegg560427mvzrrl04", ("curp", "hegg560427mvzrrl04")),
        ("folio PU-7K3M-9F4", ("folio", "PU-7K3M-9F4")),
        ("es el pu 7k3m 9f4", ("folio", "pu 7k3m 9f4")),
        ("necesita O positivo", ("tipo_sangre", "O positivo")),
        ("soy ab neg", ("tipo_sangre", "ab neg")),
        ("piden A+", ("tipo_sangre", "A+")),
    ],
)
def test_what_has_a_form_of_its_own_is_found(text: str, expected: tuple[str, str]) -> None:
    assert expected in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "vamos a la 25 el 15 de marzo",
        "voy a - no, mejor mañana",
        "puente de la unidad",
        "son 3 cajas de 500 mg",
        "140 bis",
    ],
)
def test_ordinary_numbers_and_letters_are_no_identifier(text: str) -> None:
    assert found(text) == []


def test_the_surest_span_wins_and_then_the_longest() -> None:
    crf = Span("unidad", 0, 10, 0.7, "crf")
    pattern = Span("telefono", 5, 15, 0.96, "pattern")
    longer = Span("fecha", 20, 30, 0.5, "crf")
    shorter = Span("fecha", 20, 25, 0.5, "crf")
    assert merge([crf, shorter, longer, pattern]) == [pattern, longer]


def clear(text: str) -> list[tuple[str, str]]:
    return [(s.entity, text[s.start : s.end]) for s in merge(spoken.find(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("puedo a la una y media de la tarde", ("hora", "a la una y media de la tarde")),
        ("nos citan 6am", ("hora", "6am")),
        ("me hablaron 15:40 hrs", ("hora", "15:40 hrs")),
        ("llegue diez pa las ocho de la noche", ("hora", "diez pa las ocho de la noche")),
        ("siempre de noche", ("hora", "de noche")),
        ("dice 2026-11-18 el papel", ("fecha", "2026-11-18")),
        ("el lunes 30 paso", ("fecha", "el lunes 30")),
        ("ASE DOS MESES Y MEDIO", ("fecha", "ASE DOS MESES Y MEDIO")),
        ("desde noche buena no hay", ("fecha", "desde noche buena")),
        ("mi tipo de sangre b", ("tipo_sangre", "tipo de sangre b")),
        ("no tenian AB menos", ("tipo_sangre", "AB menos")),
        ("es oh negativo", ("tipo_sangre", "oh negativo")),
        ("dos concentrados plaquetarios", ("componente", "concentrados plaquetarios")),
        ("el reg 220 de toluca", ("unidad", "el reg 220 de toluca")),
        ("mi cel es 555 014", ("telefono", "555 014")),
    ],
)
def test_what_is_clear_wherever_it_stands_is_found(text: str, expected: tuple[str, str]) -> None:
    assert expected in clear(text)


@pytest.mark.parametrize(
    "text",
    [
        "estamos a dos horas de ahi",
        "son 2 o mas",
        "ni mas ni menos",
        "pesa 25 kilos",
        "la cama 36",
        "temperatura de 38.5",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert clear(text) == []


def test_a_form_is_as_sure_as_the_piece_of_it_that_was_learnt() -> None:
    learnt = [Span("hora", 7, 15, 0.93, "crf"), Span("fecha", 20, 25, 0.99, "crf")]
    form = Span("hora", 7, 23, 0.5, "pattern")
    assert completed(learnt, [form])[0].confidence == 0.93
    assert merge([*learnt[:1], *completed(learnt[:1], [form])]) == completed(learnt, [form])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("slp, no hay nada", ["slp"]),
        ("df", ["df"]),
        ("de oajaca fuimos", ["oajaca"]),
        ("soy de baja", ["baja"]),
        ("le voy a dar de baja", []),
        ("a ver que pasa", []),
        ("la enfermera hidalgo", []),
    ],
)
def test_states_are_found_by_their_own_name_and_ordinary_words_only_where_one_lives(
    text: str, expected: list[str]
) -> None:
    catalogs = Catalogs(Path(__file__).resolve().parents[2] / "data" / "catalogs")
    catalogs.refresh()
    words = [piece.text for piece in pieces(text)]
    hits = [(first, after) for entity, first, after, _ in catalogs.named(words) if entity == "representacion"]
    assert [" ".join(words[first:after]) for first, after in hits] == expected


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("mi hija Renata Morelos tiene cita", {"Renata": "paciente"}, {"Renata Morelos": "paciente"}),
        ("Nayeli Toxqui Romano, 6 años", {"Nayeli": "paciente", "Romano": "paciente"},
         {"Nayeli Toxqui Romano": "paciente"}),
        ("es Sofía Guerrero", {"Sofía": "paciente", "Guerrero": "representacion"}, {"Sofía Guerrero": "paciente"}),
        ("Iván de la Cruz Mena", {"Iván": "paciente"}, {"Iván de la Cruz Mena": "paciente"}),
        ("El nombre completo es Inés Garza y tiene 11", {}, {"Inés Garza": "paciente"}),
        ("Sofía, Guerrero", {"Sofía": "paciente", "Guerrero": "representacion"},
         {"Sofía": "paciente", "Guerrero": "representacion"}),
        ("Sofía del General de Puebla", {"Sofía": "paciente", "General de Puebla": "unidad"},
         {"Sofía": "paciente", "General de Puebla": "unidad"}),
        ("sofia guerrero", {"sofia": "paciente"}, {"sofia": "paciente"}),
        ("SOFIA QUIERE CITA", {"SOFIA": "paciente"}, {"SOFIA": "paciente"}),
        ("La enfermera se llama Brenda", {}, {}),
    ],
)  # fmt: skip
def test_a_surname_belongs_to_the_name_before_it(text: str, said: dict[str, str], expected: dict[str, str]) -> None:
    spans = [Span(kind, text.index(word), text.index(word) + len(word), 0.9, "crf") for word, kind in said.items()]
    assert {text[s.start : s.end]: s.entity for s in whole_names(text, spans)} == expected


def test_tags_start_anew_for_each_entity() -> None:
    text = "no hay vin cristina"
    assert tags(pieces(text), [("medicamento", 7, 19)]) == ["O", "O", "B-medicamento", "I-medicamento"]


@pytest.fixture
def catalogs(tmp_path: Path) -> Catalogs:
    (tmp_path / "medicines.yml").write_text(
        "- id: vincristina\n  name: vincristina\n  brands: [Oncovin]\n- id: mesna\n  name: mesna\n", encoding="utf-8"
    )
    (tmp_path / "units.yml").write_text("la_raza:\n  name: CMN La Raza\n  aliases: [la raza]\n", encoding="utf-8")
    catalogs = Catalogs(tmp_path)
    catalogs.refresh()
    return catalogs


def names(catalogs: Catalogs, text: str) -> list[tuple[str, str]]:
    tokens = [p.text for p in pieces(text)]
    return [(entity, " ".join(tokens[a:b])) for entity, a, b, _ in catalogs.hits(tokens)]


@pytest.mark.parametrize("written", ["vincristina", "bincristina", "VIN CRISTINA", "vincristna", "oncobin"])
def test_catalogue_names_are_found_however_they_are_spelt(catalogs: Catalogs, written: str) -> None:
    assert ("medicamento", written) in names(catalogs, f"no ay {written} hoy")


def test_catalogue_names_are_not_seen_where_they_are_not(catalogs: Catalogs) -> None:
    assert names(catalogs, "la mesa esta rota y cristina vino a razonar") == []


def test_a_new_medicine_is_known_without_training_or_restart(catalogs: Catalogs) -> None:
    assert names(catalogs, "falta blinatumomab") == []
    path = catalogs.folder / "medicines.yml"
    path.write_text("- name: blinatumomab\n", encoding="utf-8")
    import os

    os.utime(path, ns=(1, 1))
    catalogs.refresh()
    assert names(catalogs, "falta blinatumumab") == [("medicamento", "blinatumumab")]


def test_a_broken_catalogue_keeps_its_last_good_names(catalogs: Catalogs, caplog: pytest.LogCaptureFixture) -> None:
    path = catalogs.folder / "medicines.yml"
    path.write_text("- [", encoding="utf-8")
    import os

    os.utime(path, ns=(1, 1))
    catalogs.refresh()
    assert ("medicamento", "mesna") in names(catalogs, "falta mesna")
    assert "medicines.yml" in caplog.text


def annotated(line: str) -> Message:
    """`[text](entity)` as in the training files."""
    text, entities = "", []
    last = 0
    for match in re.finditer(r"\[(.+?)\]\((.+?)\)", line):
        text += line[last : match.start()]
        entities.append({"entity": match[2], "start": len(text), "end": len(text) + len(match[1]), "value": match[1]})
        text, last = text + match[1], match.end()
    return Message({TEXT: text + line[last:], "intent": "x", ENTITIES: entities})


LESSON = [
    "no hay [vincristina](medicamento) en [la raza](unidad)", "falta [mesna](medicamento) en [la 25](unidad)",
    "no surten [metotrexato](medicamento) [desde el lunes](fecha)", "vamos a [la raza](unidad) [mañana](fecha)",
    "ya llegó la [doxorrubicina](medicamento)?", "gracias por todo", "[desde ayer](fecha) no hay [mesna](medicamento)",
] * 3  # fmt: skip


@pytest.fixture
def finder(tmp_path: Path, catalogs: Catalogs) -> EntityFinder:
    (tmp_path / "model").mkdir()
    storage = LocalModelStorage(tmp_path / "model")
    context = ExecutionContext(GraphSchema({}))
    config = {**EntityFinder.get_default_config(), "catalogs": str(catalogs.folder), "outside": 0.0}
    resource = Resource("finder")
    trained = EntityFinder.create(config, storage, resource, context)
    trained.train(TrainingData([annotated(line) for line in LESSON]))
    return EntityFinder.load(config, storage, resource, context)


def test_a_stored_finder_finds_what_it_learnt(finder: EntityFinder) -> None:
    message = Message({TEXT: "no hay mesna en la raza, llame al 55 5555 0134"})
    finder.process([message])
    values = {(e["entity"], e["value"]) for e in message.get(ENTITIES)}
    assert values >= {("medicamento", "mesna"), ("unidad", "la raza"), ("telefono", "55 5555 0134")}


def test_offsets_point_into_the_message_as_it_was_written(finder: EntityFinder) -> None:
    text = "¡¡OYE!! 😡 no hay   MESNA en LA RAZA…"
    message = Message({TEXT: text})
    finder.process([message])
    assert message.get(ENTITIES)
    assert all(text[e["start"] : e["end"]] == e["value"] for e in message.get(ENTITIES))


def test_an_empty_message_has_no_entities(finder: EntityFinder) -> None:
    message = Message({TEXT: ""})
    finder.process([message])
    assert not message.get(ENTITIES)


def test_a_changed_catalogue_trains_anew(catalogs: Catalogs) -> None:
    config = {"catalogs": str(catalogs.folder)}
    before = EntityFinder.fingerprint_addon(config)
    (catalogs.folder / "units.yml").write_text("- name: otra\n", encoding="utf-8")
    assert EntityFinder.fingerprint_addon(config) != before


@pytest.mark.parametrize("wrong", [{"algorithm": "magia"}, {"outside": -1}, {"max_iterations": 0}])
def test_a_wrong_setting_is_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidConfigException, match=next(iter(wrong))):
        EntityFinder.validate_config(wrong)


def test_the_model_file_holds_nothing_that_runs() -> None:
    crf = EntityCrf.train(
        [Example("no hay mesna", (("medicamento", 7, 12),))] * 3, Catalogs(Path("/nowhere")), {"algorithm": "ap"}
    )
    assert crf.model and crf.model[:4] == b"lCRF"
