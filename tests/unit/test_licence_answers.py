"""Questions about Licencia 140 Bis in families' spelling find their entry, or are honestly not known."""

from pathlib import Path

import pytest
import yaml

from puente.knowledge import donation, privacy
from puente.licences import answers

DATA = Path(__file__).parent.parent / "data"
OWN = yaml.safe_load((DATA / "licencia_preguntas.yml").read_text(encoding="utf-8"))
HELD_OUT = yaml.safe_load((DATA / "licencia_heldout.yml").read_text(encoding="utf-8"))


def first(question: str) -> str | None:
    found = answers.find(question).entries
    return found[0].id if found else None


def right(row: dict) -> bool:
    expected = [None] if row.get("nada") else [row["id"], *row.get("o", [])]
    return first(row["q"]) in expected


def test_the_own_questions_find_their_entry() -> None:
    wrong = [(row["q"], row.get("id"), first(row["q"])) for row in OWN if not right(row)]
    assert len(OWN) >= 60
    assert len(wrong) <= 3, wrong


def test_unseen_questions_find_their_entry_nearly_as_often() -> None:
    share = sum(right(row) for row in HELD_OUT) / len(HELD_OUT)
    assert share >= 0.8, f"{share:.0%}"


def test_every_expected_entry_exists_and_every_entry_is_asked_for() -> None:
    known = set(answers.all_entries())
    asked = {name for row in OWN if "id" in row for name in (row["id"], *row.get("o", []))}
    assert asked <= known
    assert len(known - asked) <= 3, known - asked


@pytest.mark.parametrize("entry", answers.all_entries().values(), ids=lambda entry: entry.id)
def test_an_entrys_own_questions_find_it(entry) -> None:  # type: ignore[no-untyped-def]
    found = [answers.find(question).entries for question in entry.preguntas]
    assert sum(any(one.id == entry.id for one in ids) for ids in found) >= 0.7 * len(found)


@pytest.mark.parametrize("row", [row for row in OWN if row.get("nada")], ids=lambda row: row["q"])
def test_what_is_not_about_the_licence_is_not_known(row: dict) -> None:
    found = answers.find(row["q"])
    assert not found.known
    assert "no lo sé con certeza" in found.text()


@pytest.mark.parametrize("nothing", ["", "   ", "👍🙏", "?", "q", "¿¿??"])
def test_a_message_without_words_finds_nothing(nothing: str) -> None:
    assert not answers.find(nothing).known


def test_an_answer_says_its_article_and_its_date() -> None:
    said = answers.find("kuantos dias dan de la lisensia").text()
    assert "1 a 28 días" in said and "Art. 140 Bis" in said and "4-jun-2019" in said


def test_an_unconfirmed_answer_says_that_it_is_to_be_confirmed() -> None:
    said = answers.find("me quitan las vacasiones").text()
    assert "No lo sé con certeza" in said and "Por confirmar con el Instituto" in said


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("no me quieren dar la incapacidad x mi niño", "incapacidad"),
        ("me pagan todo el sueldo?", "no_es_cien"),
        ("la podemos sacar los dos", "no_a_ambos"),
        ("ya cumplio 16 pierdo la licencia?", "cumple_16"),
        ("soy el abuelo q lo cuida", "abuelos"),
        ("trabajo x honorarios", "por_su_cuenta"),
        ("llevo poquitas semanas cotizadas", "semanas"),
        ("q documentos ocupo", "documentos"),
        ("la app no me deja", "app_no_funciona"),
        ("no me ha caido el deposito", "cuando_pagan"),
    ],
)
def test_the_usual_misunderstandings_are_answered(question: str, entry: str) -> None:
    assert entry in [one.id for one in answers.find(question).entries]


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("mi cuñao puede donar tatuado?", "tatuaje"),
        ("pa ir a donar es en ayunas o noo", "ayuno"),
        ("de q edad a q edad donan", "edad"),
        ("mi tía pesa 48 kilos se lo aceptan?", "peso"),
        ("se puede si uno se echo unas cheves ayer?", "alcohol"),
        ("toma losartan pa la presion, sirve pa donar", "medicinas"),
        ("toy dando pecho, puedo dar sangre", "embarazo"),
        ("lo operaron ase poco puede donar", "cirugia"),
        ("a q hora abren el banco de sangre", "horario"),
        ("donde me apunto pa donar", "cita"),
        ("cada cuanto se puede donar", "cada_cuando"),
        ("ke rekisitos piden pa donar sangre", "requisitos"),
    ],
)
def test_questions_about_donating_find_their_entry(question: str, entry: str) -> None:
    assert entry in [one.id for one in donation.find(question).entries]


@pytest.mark.parametrize(
    ("question", "entry"),
    [
        ("q hacen con mis datos", "que_guardan"),
        ("se lo pasan a mi patron?", "al_patron"),
        ("q saven de mi", "que_saben"),
        ("cuidado con lo q les digo, se lo pasan al patron?", "al_patron"),
    ],
)
def test_questions_about_ones_data_find_their_entry(question: str, entry: str) -> None:
    assert entry in [one.id for one in privacy.find(question).entries]
