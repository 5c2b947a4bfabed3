"""WhatsApp's errors are data: every code has an action and a reason, and a broken table stops the start."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from puente.whatsapp.errors import FILE, Action, BadTable, read, rule_for, rule_for_status, table

# facts/whatsapp.md §1
EXPECTED = {
    Action.RETRY: [1, 2, 131000, 131016, 133004],
    Action.PAUSE_NUMBER: [4, 80007, 130429, 131057],
    Action.HOLD_CONTACT: [131056],
    Action.USE_TEMPLATE: [131047],
    Action.GIVE_UP: [131026, 131021, 131062],
    Action.ASK_CONSENT: [131050],
    Action.ANOTHER_DAY: [131049, 130472],
    Action.STOP: [131048, 368, 131031, 130497, 131042, 0, 3, 10, 190, 200, 250, 299, 131005],
    Action.MEND: [100, 131008, 131009, 131051, 131053, 132000, 132001, 132012, 132015, 132016],
    Action.VERIFY: [137000],
}
CODES = [(code, action) for action, codes in EXPECTED.items() for code in codes]


@pytest.fixture
def content() -> dict[str, Any]:
    """Our own table, to be broken."""
    return dict(yaml.safe_load(FILE.read_text("utf-8")))


def _read(tmp_path: Path, content: Any) -> Any:
    path = tmp_path / "errors.yml"
    path.write_text(yaml.safe_dump(content), "utf-8")
    return read(path)


@pytest.mark.parametrize(("code", "action"), CODES)
def test_every_code_of_the_table_has_its_action(code: int, action: Action) -> None:
    assert rule_for(code, 400).action is action
    assert rule_for_status(code).action is action


def test_every_action_is_used() -> None:
    assert {rule.action for rule in table().known.values()} == set(Action)


def test_every_reason_is_a_spanish_sentence_for_people() -> None:
    for rule in [*table().known.values(), *table().others.values()]:
        assert len(rule.reason) > 20
        assert not any(word in rule.reason.lower() for word in ("error", "rate", "template", "token inv"))


@pytest.mark.parametrize(
    ("code", "http_status", "action"),
    [
        (None, 403, Action.RETRY),
        (None, 503, Action.RETRY),
        (999999, 400, Action.GIVE_UP),
        (999999, 404, Action.GIVE_UP),
        (999999, 401, Action.STOP),
        (999999, 429, Action.RETRY),
        (999999, 500, Action.RETRY),
        (999999, 503, Action.RETRY),
    ],
)
def test_an_unknown_code_goes_by_its_http_class(code: int | None, http_status: int, action: Action) -> None:
    assert rule_for(code, http_status).action is action


def test_an_unknown_code_is_named_to_staff() -> None:
    assert "999999" in rule_for(999999, 400).reason
    assert "999999" in rule_for_status(999999).reason


def test_our_own_table_is_right(tmp_path: Path, content: dict[str, Any]) -> None:
    assert _read(tmp_path, content) == table()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["tabla"].append(content["tabla"][0]), "twice"),
        (lambda content: content["tabla"][0].update(accion="rezar"), "rezar"),
        (lambda content: content["tabla"][0].update(razon=" "), "reason"),
        (lambda content: content["tabla"][0].pop("razon"), "razon"),
        (lambda content: content["tabla"][0].update(codigos=["5-1"]), "range"),
        (lambda content: content["tabla"][0].update(codigos=["mil"]), "mil"),
        (lambda content: content["otros"].pop("5xx"), "otros"),
        (lambda content: content.pop("tabla"), "tabla"),
    ],
)
def test_a_table_that_is_wrong_says_how(tmp_path: Path, content: dict[str, Any], change: Any, said: str) -> None:
    change(content)
    with pytest.raises(BadTable, match=said):
        _read(tmp_path, content)


def test_a_file_that_is_no_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadTable):
        _read(tmp_path, "hola")
    with pytest.raises(BadTable):
        read(tmp_path / "no-existe.yml")
