"""The knowledge stays true: sources and dates everywhere, no doubt told as a fact, no invented number, no bank data."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from puente.knowledge import catalogs, donation, entries, minutes, privacy, units
from puente.licences import answers, checklist, eligibility
from puente.settings import ROOT

NO_FACTS = ("textos.yml", "palabras.yml", "idiomas.yml")
FILES = sorted(path for path in entries.DIRECTORY.glob("*.yml") if path.name not in NO_FACTS)
LIBRARIES = {"licencia": answers.all_entries(), "donacion": donation.all_entries(), "privacidad": privacy.all_entries()}
ENTRIES = [
    pytest.param(entry, id=f"{name}-{entry.id}") for name, known in LIBRARIES.items() for entry in known.values()
]
FACTS = ROOT.parent / "shared" / "facts" / "dominio.md"
# Confirmed numbers of facts/dominio.md §4 that may be told; those that it only has from memory may not.
PHONES = {"911", "8009112000", "8006232323"}
HEDGE = re.compile(
    r"no lo s[eé] con certeza|pregunt|no lo tengo confirmado|no los tengo confirmados|no me consta", re.I
)
# What facts/dominio.md has from memory only: it must not be told as a fact anywhere.
FROM_MEMORY = (
    r"fracci[oó]n (?:IX|XXIX)", r"art[ií]culo (?:42|132)\b", r"20 d[ií]as h[aá]biles", r"15 d[ií]as h[aá]biles",
    r"12\.5", r"13\.5", r"150,000", r"cada (?:2|3|dos|tres) meses", r"48 horas entre", r"inconformidad", r"conamed",
    r"\bINAI\b", r"\b25 d[ií]as\b", r"decreto de 2016", r"no pueden? despedir", r"no lo pueden correr",
)  # fmt: skip
BANK_ASKED = re.compile(
    r"(?:m[aá]nde(?:me|nos)?|env[ií]e(?:me|nos)?|escr[ií]ba(?:me)?|d[ií]game|p[aá]se(?:me)?|cu[aá]l es|deme)[^.?]{0,30}"
    r"(?:clabe|cuenta|tarjeta|estado de cuenta|banco)\b",
    re.I,
)


def texts(value: Any) -> Iterator[str]:
    """Every text of a file that a family may read: all but the examples of what they ask."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("preguntas", "palabras", "temas", "fuente", "referencia", "articulo"):
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def sourced(value: Any) -> Iterator[dict]:
    """Every mapping of a file that states something."""
    if isinstance(value, dict):
        if any(name in value for name in ("respuesta", "texto", "resumen")) and "temas" not in value.get("id", ""):
            yield value
        for name, inner in value.items():
            if name != "bases":
                yield from sourced(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from sourced(inner)


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_statement_has_its_source_and_its_date(path: Path) -> None:
    content = read(path)
    if path.name == "minutas.yml":  # its statements share the source of their meeting
        rows = content["reuniones"]
    elif path.name == "licencia_situacion.yml":
        rows = [reason for topic in content.values() for reason in topic["motivos"].values()]
    else:
        rows = list(sourced(content))
    assert rows
    for row in rows:
        assert row.get("fuente") or row.get("articulo"), row
        assert row.get("referencia"), row
        said = row.get("fecha") or row.get("fecha_dicha")
        assert said and (not isinstance(said, date) or said <= date(2026, 11, 30)), row


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_doubt_is_never_told_as_a_fact(entry: entries.Entry) -> None:
    if not entry.certain:
        assert HEDGE.search(entry.respuesta), entry.respuesta
        assert "confirmar" in entry.shown()


@pytest.mark.parametrize("entry", ENTRIES)
def test_nothing_that_is_only_remembered_is_told(entry: entries.Entry) -> None:
    for pattern in FROM_MEMORY:
        assert not re.search(pattern, entry.respuesta, re.I), pattern


@pytest.mark.parametrize("entry", ENTRIES)
def test_answers_fit_a_phone_and_speak_of_usted(entry: entries.Entry) -> None:
    assert len(entry.respuesta) <= 420
    assert not re.search(r"\b(?:tú|tu|tienes|puedes|debes|te lo)\b", entry.respuesta, re.I)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_approval_names_who_gave_it(entry: entries.Entry) -> None:
    assert entry.aprobado_por is None or len(entry.aprobado_por) > 5  # a name, not a "yes"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_phone_number_that_the_facts_do_not_confirm(path: Path) -> None:
    for text in texts(read(path)):
        for number in re.findall(r"(?<![\d,.])(?:\d[\s-]?){8,12}\d(?![\d,.])|\b911\b", text):
            assert re.sub(r"\D", "", number) in PHONES, number


@pytest.mark.skipif(not FACTS.exists(), reason="cannot run here: the domain's facts are not on this machine")
def test_the_confirmed_phone_numbers_are_those_of_the_facts() -> None:
    known = re.sub(r"[\s-]", "", FACTS.read_text(encoding="utf-8"))
    assert all(number in known for number in PHONES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_bank_data_is_never_asked_for(path: Path) -> None:
    for text in texts(read(path)):
        asked = BANK_ASKED.search(text)
        assert asked is None or re.search(r"\bno\b|nunca", text[max(0, asked.start() - 30) : asked.end()], re.I), text


def test_bank_documents_are_never_taken_in_a_conversation() -> None:
    about_the_bank = [item for item in checklist.documents() if re.search(r"cuenta|banc|clabe", item.texto, re.I)]
    assert about_the_bank and not any(item.pedible for item in about_the_bank)
    for question in eligibility.topics().values():
        assert not re.search(r"(?<!por su )cuenta|banc|clabe|tarjeta", question.pregunta + question.aclaracion, re.I)


def test_the_figures_of_the_law_are_the_ones_of_the_article() -> None:
    said = {name: entry.respuesta for name, entry in answers.all_entries().items()}
    assert "1 a 28 días" in said["duracion"] and "364 días" in said["tope_364"] and "3\naños" not in said["tope_364"]
    assert "60 %" in said["subsidio"] and "30 semanas" in said["semanas"] and "52 semanas" in said["semanas"]
    assert (
        "12 meses" in said["semanas"]
        and "ningún caso" in said["no_a_ambos"]
        and "4 de junio de 2019" in said["base_legal"]
    )
    assert "500 pesos" in said["subsidio"] and "son 300" in said["subsidio"]


def test_themes_are_groups_of_words_that_exist() -> None:
    groups = set(read(entries.DIRECTORY / "palabras.yml"))
    for known in LIBRARIES.values():
        for entry in known.values():
            assert set(entry.temas) <= groups, (entry.id, set(entry.temas) - groups)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_private_persons_name_of_the_notes_is_kept(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    for title in (
        r"\bseñoras?\s+[A-ZÁÉÍÓÚ]",
        r"\bseñor(?:es)?\s+[A-ZÁÉÍÓÚ]",
        r"\bdoctora?\s+[A-ZÁÉÍÓÚ]",
        r"\bDra?\.\s",
    ):
        assert not re.search(title, content), title


def test_what_the_knowledge_names_exists() -> None:
    areas = catalogs.areas()
    for meeting in minutes.meetings():
        assert all(item.area in areas for item in (*meeting.temas, *meeting.acuerdos))
    assert all(unit in catalogs.units() for unit in units.unit_ids())


def test_a_broken_edit_leaves_the_knowledge_in_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "prueba.yml"
    good = (
        "entradas:\n- {id: a, preguntas: [qué es], respuesta: Algo., fuente: F, fecha: 2026-01-01, referencia: S1,"
        " estado: con_fuente}\n"
    )
    path.write_text(good, encoding="utf-8")
    monkeypatch.setattr(entries, "DIRECTORY", tmp_path)
    assert set(entries.load("prueba.yml")) == {"a"}
    path.write_text(good.replace("fuente: F", "fuentes: F") + "#\n", encoding="utf-8")
    assert set(entries.load("prueba.yml")) == {"a"}
    path.write_text(good.replace("id: a", "id: bb") + "##\n", encoding="utf-8")
    assert set(entries.load("prueba.yml")) == {"bb"}


@pytest.mark.parametrize("missing", ["fuente", "fecha", "estado", "referencia", "respuesta"])
def test_an_entry_without_source_or_date_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    row = {"id": "a", "preguntas": ["qué es"], "respuesta": "Algo.", "fuente": "F", "fecha": date(2026, 1, 1),
           "referencia": "S1", "estado": "con_fuente"}  # fmt: skip
    del row[missing]
    (tmp_path / "prueba.yml").write_text(yaml.safe_dump({"entradas": [row]}), encoding="utf-8")
    monkeypatch.setattr(entries, "DIRECTORY", tmp_path)
    with pytest.raises(entries.KnowledgeError, match=missing):
        entries.load("prueba.yml")
