"""The privacy notice, and what counts as a request about one's own data."""

import re

import pytest

from puente.knowledge import privacy


def test_the_notice_is_two_sentences_with_version_and_link() -> None:
    notice = privacy.notice()
    assert len(re.findall(r"[.!?](?:\s|$)", notice.texto)) == 2
    assert notice.version and "asistente automático" in notice.texto and "BAJA" in notice.texto
    assert notice.text() == notice.texto
    assert notice.text("https://ejemplo.mx/aviso").endswith("Aviso completo: https://ejemplo.mx/aviso")


@pytest.mark.parametrize(
    ("said", "request_made"),
    [
        ("BAJA", "baja"),
        ("baja", "baja"),
        ("quiero darme de baja", None),
        ("ya no kiero mensajes", "baja"),
        ("dejen de escribirme", "baja"),
        ("borrar mis datos", "borrar"),
        ("¡BORREN mi número!", "borrar"),
        ("puede borrar lo que puse", None),
        ("q saven de mi", "acceso"),
        ("quiero una copia de mis datos", "acceso"),
        ("corregir mi nombre", "correccion"),
        ("me dieron de baja mientras estaba de licencia", None),
        ("le dieron de baja del seguro", None),
        ("la fiebre le baja y le sube", None),
        ("borre ese reporte", None),
        ("cambiar mi cita", None),
        ("no se que saben de mi niño", None),
        ("hola", None),
    ],
)
def test_only_a_clear_request_about_ones_data_counts(said: str, request_made: str | None) -> None:
    assert privacy.request_in(said) == request_made
