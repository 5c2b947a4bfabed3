"""A trainer adds an error of the gate as an example: it is checked, kept once, and never taken from the exam."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from puente import cli
from puente.safety import corrections, examples
from puente.safety.examples import BadExample

TEXT = "el chamaquito trae los cachetes como jitomate y no aguanta ni la sábana"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "correcciones.jsonl"


def rows(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_an_error_becomes_an_example_that_training_reads(file: Path) -> None:
    corrections.add(f"  {TEXT}\n", "alarma", "fiebre", file)
    corrections.add("el mecánico dice que el carro se desmayó en la subida", "inofensivo", "otro_sentido", file)
    assert [row["label"] for row in rows(file)] == ["alarm", "harmless"]
    assert rows(file)[0]["text"] == TEXT
    assert [(e.alarm, e.kind, e.voice) for e in examples.read_file(file)] == [
        (True, "fiebre", corrections.VOICE),
        (False, "otro_sentido", corrections.VOICE),
    ]


def test_it_says_what_the_gate_says_now(file: Path) -> None:
    verdict = corrections.add("ahorita mismo convulsionó mi niña y no despierta nadita", "alarma", "conciencia", file)
    assert "alarma segura, conciencia" in corrections.described(verdict)


@pytest.mark.parametrize(
    ("text", "label", "kind", "why"),
    [
        (TEXT, "alarma", "negado", "no existe"),
        (TEXT, "inofensivo", "fiebre", "no existe"),
        (TEXT, "alarm", "fiebre", "alarma o inofensivo"),
        ("   ", "alarma", "fiebre", "caracteres"),
        ("a" * 5000, "alarma", "fiebre", "caracteres"),
        ("YA NO TRAE CALENTURA", "inofensivo", "negado", "ya está"),
    ],
)
def test_a_bad_example_is_refused_with_its_reason(file: Path, text: str, label: str, kind: str, why: str) -> None:
    with pytest.raises(BadExample, match=why):
        corrections.add(text, label, kind, file)
    assert not file.exists()


def test_the_same_message_is_kept_once_however_it_is_spelled(file: Path) -> None:
    corrections.add(TEXT, "alarma", "fiebre", file)
    with pytest.raises(BadExample, match="ya está"):
        corrections.add(TEXT.replace("sábana", "savana").upper(), "alarma", "fiebre", file)
    assert len(rows(file)) == 1


def test_a_message_of_the_exam_is_refused_even_with_a_word_changed(file: Path, tmp_path: Path) -> None:
    exam = tmp_path / "exam.jsonl"
    exam.write_text(json.dumps({"text": TEXT + " desde la mañana"}) + "\n", encoding="utf-8")
    with pytest.raises(BadExample, match="examen"):
        corrections.add(TEXT + " desde en la mañana", "alarma", "fiebre", file, exam)
    assert not file.exists()


def test_a_broken_line_of_data_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "voz.jsonl"
    broken.write_text('{"text": "hola", "label": "harmless", "kind": "conversacion"}\n{"text": ""}\n', encoding="utf-8")
    with pytest.raises(BadExample, match=r"voz\.jsonl, línea 2"):
        examples.read_file(broken)


def test_every_line_of_data_is_a_good_example() -> None:
    assert len(examples.load()) > 10_000


def test_every_voice_that_shares_its_author_exists() -> None:
    assert set(examples.authors()) <= {one.voice for one in examples.load()}


def test_the_command_keeps_it_and_says_how_to_train(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corrections, "FILE", file)
    good = CliRunner().invoke(cli.app, ["safety", "add", TEXT, "--label", "alarma", "--kind", "fiebre"])
    assert good.exit_code == 0
    assert "puente.safety.train" in good.output
    bad = CliRunner().invoke(cli.app, ["safety", "add", TEXT, "--label", "alarma", "--kind", "nada"])
    assert bad.exit_code == 1
    assert len(rows(file)) == 1
