"""The catalogues: complete, agreeing with each other, clear when they are wrong, picked up when they change."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from puente.knowledge import catalogs
from puente.knowledge.resolve import ENTITIES, resolve
from puente.settings import ROOT

NOW = datetime(2026, 6, 10, 11, 0)
KINDS_WITHOUT_QUESTIONS = ("urgencia", "crisis")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue folder of our own, to be changed at will."""
    for file in catalogs.DIRECTORY.glob("*.yml"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(catalogs, "DIRECTORY", tmp_path)
    return tmp_path


def rewrite(file: Path, change: Callable[[list], None]) -> None:
    """Change a catalogue as an editor would, so that its modification time moves even on coarse clocks."""
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(entries)
    before = file.stat().st_mtime_ns
    file.write_text(yaml.safe_dump(entries, allow_unicode=True), encoding="utf-8")
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def test_kinds_and_areas_are_those_of_the_language_contract() -> None:
    contract = ROOT.parent / "shared" / "taxonomy.yml"
    if not contract.exists():
        pytest.skip("the shared language contract is not beside the repository")
    taxonomy = yaml.safe_load(contract.read_text(encoding="utf-8"))
    assert {area.id: area.name for area in catalogs.areas().values()} == taxonomy["areas"]
    ours = {kind.id: {"intent": kind.intent, "area": kind.area} for kind in catalogs.kinds().values()}
    assert ours == taxonomy["kinds"]
    assert set(ENTITIES) == set(taxonomy["entities"])


def test_there_are_35_representations_21_kinds_and_9_areas() -> None:
    assert (len(catalogs.representations()), len(catalogs.kinds()), len(catalogs.areas())) == (35, 21, 9)


@pytest.mark.parametrize("kind", KINDS_WITHOUT_QUESTIONS)
def test_danger_is_answered_within_the_hour_and_asks_nothing_first(kind: str) -> None:
    entry = catalogs.kinds()[kind]
    assert (entry.priority, entry.first_answer_hours, entry.required) == ("critica", 1, ())


def test_a_shortage_needs_medicines_and_unit_and_is_answered_within_a_day() -> None:
    entry = catalogs.kinds()["desabasto"]
    assert (entry.priority, entry.first_answer_hours) == ("alta", 24)
    assert entry.required[:2] == ("medicamentos", "unidad")
    assert "fecha" in (*entry.required, *entry.helpful)


def test_a_high_speciality_unit_answers_to_no_representation_and_every_other_hospital_does() -> None:
    for unit in catalogs.units().values():
        assert (unit.representation is None) == (unit.type in ("UMAE", "externo")), unit.id


def test_every_unit_s_name_carries_its_city_and_is_unique() -> None:
    names = [unit.name for unit in catalogs.units().values()]
    assert len(set(names)) == len(names)
    assert [unit.id for unit in catalogs.units().values() if unit.city not in unit.name] == []


def test_what_comes_from_memory_is_marked_to_be_verified() -> None:
    assert [unit.id for unit in catalogs.units().values() if unit.source == "memoria" and not unit.verify] == []


def test_blood_and_its_components_are_not_medicines() -> None:
    spelled = {name for entry in catalogs.medicines().values() for name in (entry.name, *entry.aliases)}
    assert spelled & {"plaquetas", "plasma", "sangre"} == set()


def test_a_medicine_added_to_the_file_is_understood_without_a_restart(folder: Path) -> None:
    assert resolve("medicamento", "inventumab", now=NOW).resolved is None
    rewrite(folder / "medicines.yml", lambda entries: entries.append({"id": "inventumab", "name": "inventumab"}))
    assert resolve("medicamento", "imbentumab", now=NOW).resolved == "inventumab"


def test_a_nickname_added_to_a_unit_is_understood_without_a_restart(folder: Path) -> None:
    def add(entries: list) -> None:
        next(entry for entry in entries if entry["id"] == "hgz_1_durango")["aliases"] = ["el de las rosas"]

    assert resolve("unidad", "el de las rosas", now=NOW).resolved is None
    rewrite(folder / "units.yml", add)
    assert resolve("unidad", "el de las rosas", now=NOW).resolved == "HGZ 1, Durango"


def test_a_file_broken_while_running_leaves_the_previous_catalogue_in_use(folder: Path) -> None:
    before = catalogs.areas()
    (folder / "areas.yml").write_text("- {id: abasto", encoding="utf-8")
    assert catalogs.areas() == before


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("- {id: abasto, name: Abasto", "areas.yml: it is not valid YAML"),
        ("abasto: Control de Abasto", "areas.yml: it must be a list"),
        ("- {id: abasto, name: 25, resumen: x}", "entry 'abasto': Expected `str`, got `int`"),
        ("- {id: abasto, name: Abasto}", "entry 'abasto': Object missing required field `resumen`"),
        ("- {id: abasto, name: Abasto, resumen: x, telefno: '1'}", "entry 'abasto': unknown field telefno"),
        ("- {id: a, name: A, resumen: x}\n- {id: a, name: A, resumen: x}", "entry 'a' appears twice"),
        ("- {name: Abasto, resumen: x}", "entry number 1"),
    ],
)
def test_a_wrong_catalogue_says_which_file_and_entry(folder: Path, content: str, complaint: str) -> None:
    (folder / "areas.yml").write_text(content, encoding="utf-8")
    with pytest.raises(catalogs.CatalogError) as raised:
        catalogs.areas()
    assert "areas.yml" in str(raised.value)
    assert complaint in str(raised.value)


def test_a_kind_whose_area_does_not_exist_is_refused(folder: Path) -> None:
    rewrite(folder / "case_kinds.yml", lambda entries: entries[0].update(area="limbo"))
    with pytest.raises(catalogs.CatalogError, match=r"case_kinds\.yml: entry 'urgencia': area 'limbo' does not exist"):
        catalogs.kinds()
