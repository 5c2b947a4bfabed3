"""Templates are files: ours keep Meta's rules, a broken one says what is wrong, and values never break one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from puente.cli import app
from puente.whatsapp import submission, templates
from puente.whatsapp.account import Submitted
from puente.whatsapp.templates import BadTemplate, Button, Template, all_templates, read
from tests.schemas import check_outbound, enveloped

OURS = list(all_templates().values())
RIGHT = Template(
    name="prueba",
    language="es_MX",
    category="UTILITY",
    purpose="probar",
    body="Su cita es el {{1}} a las {{2}}, no falte.",
    variables=("día", "hora"),
    sample=("martes", "9:30"),
    footer="Para no recibir avisos, escriba BAJA.",
    buttons=(Button("Leer", "leer"),),
)


@pytest.mark.parametrize("template", OURS, ids=lambda template: template.name)
def test_every_template_of_ours_keeps_metas_rules(template: Template) -> None:
    assert template.problems() == []
    assert template.purpose
    check_outbound(enveloped(template.message(*template.sample)))


@pytest.mark.parametrize("template", OURS, ids=lambda template: template.name)
def test_every_template_for_families_says_how_to_stop_them(template: Template) -> None:
    assert template.name == "alerta_urgencia" or "BAJA" in template.footer


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Prueba Uno"}, "minúsculas"),
        ({"language": "español"}, "idioma"),
        ({"category": "AVISO"}, "categoría"),
        ({"purpose": " "}, "para qué"),
        ({"body": ""}, "vacío"),
        ({"body": "{{1}}, su cita es a las {{2}}, no falte"}, "principio"),
        ({"body": "Su cita es el {{1}} a las {{2}}."}, "final"),
        ({"body": "Su cita es el {{1}} a las *{{2}}*"}, "final"),
        ({"body": "Su cita es el {{2}} a las {{1}}, no falte."}, "en orden"),
        ({"body": "Su cita es el {{1}} a las {{3}}, no falte."}, "en orden"),
        ({"body": "Su cita es {{1}} {{2}} y no debe faltar."}, "juntas"),
        ({"body": "Cita: {{1}} y {{2}} ya"}, "demasiadas"),
        ({"body": "Su cita es el {{1}} a las {{2}}, no {falte}}."}, "llaves"),
        ({"body": "Su cita es el {{1}} a las {{2}}, no falte. " + "x" * 1024}, "1024"),
        ({"body": "Su cita es el {{1}}\n\n\n a las {{2}}, no falte."}, "línea en blanco"),
        ({"sample": ("martes",)}, "variables"),
        ({"sample": ("martes", " ")}, "ejemplo"),
        ({"variables": ("día", "hora", "lugar")}, "variables"),
        ({"footer": "x" * 61}, "pie"),
        ({"footer": "Hasta {{1}}"}, "pie"),
        ({"buttons": (Button("x" * 26, "leer"),)}, "botón"),
        ({"buttons": (Button("Leer", ""),)}, "payload"),
        ({"buttons": (Button("Leer", "a"), Button("Leer", "b"))}, "mismo"),
        ({"buttons": tuple(Button(f"B{n}", "x") for n in range(11))}, "10"),
    ],
)
def test_what_meta_would_refuse_is_said_in_spanish(change: dict[str, Any], said: str) -> None:
    assert RIGHT.problems() == []
    assert any(said in problem for problem in replace(RIGHT, **change).problems())


@given(st.lists(st.text(max_size=400), min_size=2, max_size=2))
def test_whatever_the_values_are_the_message_keeps_the_rules(values: list[str]) -> None:
    message = RIGHT.message(*(value.encode("utf-8", "replace").decode() for value in values))
    check_outbound(enveloped(message))


def test_the_number_of_values_must_match() -> None:
    with pytest.raises(ValueError, match="2 values, not 1"):
        RIGHT.message("martes")


def test_what_is_shown_is_what_the_addressee_reads() -> None:
    assert RIGHT.shown("{{2}}", "9:30") == "Su cita es el {{2}} a las 9:30, no falte."


@pytest.mark.parametrize("content", ["name: x", "[1, 2]", "{", "name: x\nlanguage: es_MX\nsorpresa: 1"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rota.yml"
    path.write_text(content)
    with pytest.raises(BadTemplate, match=r"rota\.yml"):
        read(path)


def test_the_command_checks_every_file() -> None:
    result = CliRunner().invoke(app, ["templates", "check"])
    assert result.exit_code == 0
    assert all(template.name in result.output for template in OURS)


def test_the_command_fails_for_a_template_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(RIGHT, body="{{1}} y {{2}}")
    monkeypatch.setattr(templates, "all_templates", lambda: {"prueba": wrong})
    result = CliRunner().invoke(app, ["templates", "check"])
    assert result.exit_code == 1
    assert "principio" in result.output


# --------------------------------------------------------------------------------------------------- differences


def _there(**change: Any) -> Submitted:
    known = Submitted("1", "prueba", "es_MX", "UTILITY", "APPROVED", tuple(RIGHT.components()))
    return replace(known, **change)


def test_what_is_the_same_is_no_difference() -> None:
    without_examples = tuple({k: v for k, v in part.items() if k != "example"} for part in RIGHT.components())
    assert submission.compare([RIGHT], [_there(components=without_examples)]) == []


@pytest.mark.parametrize(
    ("change", "said", "submittable"),
    [
        ({"language": "es"}, "falta", True),
        ({"category": "MARKETING"}, "MARKETING", True),
        ({"components": tuple(replace(RIGHT, body="Otro {{1}} y {{2}} más").components())}, "el texto", True),
        ({"components": tuple(replace(RIGHT, footer="").components())}, "el pie", True),
        ({"components": tuple(replace(RIGHT, buttons=()).components())}, "botones", True),
        ({"status": "PENDING"}, "revisión", False),
        ({"status": "PAUSED"}, "pausa", False),
        ({"status": "REJECTED"}, "rechazada", True),
        ({"status": "NUEVO"}, "NUEVO", False),
    ],
)
def test_a_difference_is_said_in_spanish(change: dict[str, Any], said: str, submittable: bool) -> None:
    (difference,) = submission.compare([RIGHT], [_there(**change)])
    assert any(said in line for line in difference.said)
    assert difference.submittable is submittable


def test_what_only_the_account_has_is_told() -> None:
    assert submission.only_there([RIGHT], [_there(), _there(name="vieja")])[0].name == "vieja"
