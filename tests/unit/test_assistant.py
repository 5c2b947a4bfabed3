"""A model is current exactly as long as nothing that it was trained from has changed."""

from pathlib import Path

import pytest

from puente import assistant

INGREDIENTS = ("config.yml", "domain.yml", "data/nlu/a.yml", "data/rules/a.yml", "bot/nlu/a.py")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a trained model."""
    for name in (*INGREDIENTS, "data/knowledge/a.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "puente.tar.gz").touch()
    (tmp_path / "models" / "puente.made-of").write_text(assistant.fingerprint(tmp_path))
    return tmp_path


def test_a_model_of_the_present_tree_is_current(tree: Path) -> None:
    assert assistant.model_is_current(tree)


@pytest.mark.parametrize("name", INGREDIENTS)
def test_a_change_of_what_it_is_trained_from_makes_it_old(tree: Path, name: str) -> None:
    (tree / name).write_text("two")
    assert not assistant.model_is_current(tree)


def test_a_new_file_of_examples_makes_it_old(tree: Path) -> None:
    (tree / "data" / "nlu" / "b.yml").write_text("one")
    assert not assistant.model_is_current(tree)


def test_another_spacy_model_makes_it_old(tree: Path) -> None:
    (tree / "bot/.venv/lib/python3.10/site-packages/es_core_news_md-3.7.0.dist-info").mkdir(parents=True)
    assert not assistant.model_is_current(tree)


def test_a_change_of_an_answer_does_not_make_it_old(tree: Path) -> None:
    (tree / "data" / "knowledge" / "a.yml").write_text("two")
    assert assistant.model_is_current(tree)


def test_without_its_file_it_is_not_current(tree: Path) -> None:
    (tree / "models" / "puente.tar.gz").unlink()
    assert not assistant.model_is_current(tree)


def test_compiled_python_does_not_count(tree: Path) -> None:
    (tree / "bot" / "nlu" / "__pycache__").mkdir()
    (tree / "bot" / "nlu" / "__pycache__" / "a.pyc").write_text("x")
    assert assistant.model_is_current(tree)
