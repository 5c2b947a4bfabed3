"""What is said of a unit: its sourced facts, and that address, hours and phone are not known."""

import pytest
import yaml

from puente.knowledge import catalogs, entries, units


def test_address_and_hours_without_a_source_are_said_to_be_unknown() -> None:
    told = units.unit_information("hgr_1_tijuana")
    assert told.address is None and told.hours is None and told.phone is None and not told.complete
    assert "No tengo confirmado: dirección, horario y teléfono" in told.text()
    assert "800 623 2323" in told.text() and "18-ago-2025" in told.text()
    assert "OncoCREAN desde el 3 de enero de 2022" in told.text()


@pytest.mark.parametrize("unit", catalogs.units().values(), ids=lambda unit: unit.id)
def test_every_unit_of_the_catalogue_has_an_honest_answer(unit: catalogs.Unit) -> None:
    by_id, by_name = units.unit_information(unit.id), units.unit_information(unit.name)
    assert by_id == by_name and unit.city in by_id.text()


def test_a_unit_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        units.unit_information("hospital inventado")


def test_an_address_is_told_with_its_source_once_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    fact = {"texto": "Calle Ficticia 1", "fuente": "el Instituto", "fecha": "2026-11-01", "referencia": "prueba"}
    content = {"general": fact | {"texto": "Pregunte."}, "unidades": [{"id": "hgr_1_tijuana", "direccion": fact}]}
    (tmp_path / "unidades.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(entries, "DIRECTORY", tmp_path)
    said = units.unit_information("hgr_1_tijuana").text()
    assert "Dirección: Calle Ficticia 1 _(fuente: el Instituto)_" in said and "horario y teléfono" in said


def test_an_address_without_its_source_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    fact = {"texto": "Pregunte.", "fuente": "F", "fecha": "2026-11-01", "referencia": "prueba"}
    content = {"general": fact, "unidades": [{"id": "hgr_1_tijuana", "direccion": {"texto": "Calle Ficticia 1"}}]}
    (tmp_path / "unidades.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(entries, "DIRECTORY", tmp_path)
    with pytest.raises(entries.KnowledgeError, match="fuente"):
        units.unit_information("hgr_1_tijuana")
