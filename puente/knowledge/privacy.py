"""The privacy notice in two sentences, with its version, and what a person may ask about her own data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from puente.knowledge import entries
from puente.knowledge.answers import Answer, Library
from puente.knowledge.entries import Entry
from puente.knowledge.spelling import plain, sound, words

FILE = "privacidad.yml"
Request = Literal["baja", "borrar", "acceso", "correccion"]
DO_NOT_KNOW = (
    "Eso no lo sé con certeza. Puedo decirle qué guardo, qué sé de usted, corregirlo o borrarlo, o pasar su pregunta "
    "a Transparencia."
)
_library = Library(FILE, DO_NOT_KNOW)


@dataclass(frozen=True, slots=True)
class Notice:
    """The short privacy notice. Consent is recorded with its version."""

    version: str
    texto: str
    con_liga: str
    fuente: str
    fecha: date
    referencia: str
    aprobado_por: str | None = None

    def text(self, url: str = "") -> str:
        """The notice as it is sent, with the address of the whole one when there is one."""
        return self.texto + (f"\n\n{self.con_liga.format(liga=url)}" if url else "")


def notice() -> Notice:
    """The notice in force."""
    return entries.read_again(entries.DIRECTORY / FILE, _read_notice)


def find(question: str) -> Answer:
    """The best entries for a question about one's own data."""
    return _library.find(question)


def all_entries() -> Mapping[str, Entry]:
    """Everything that can be said about data, by id."""
    return _library.entries()


def request_in(text: str) -> Request | None:
    """The request about one's own data that a message clearly makes; the family is asked to confirm before anything.

    "Me dieron de baja" is about work, "borre ese reporte" about a case: neither is a request about data.
    """
    said = " ".join(_words(text))
    if re.fullmatch(
        r"(?:quiero (?:la |mi )?)?baja|(?:darme|dame|deme) de baja(?: de (?:aqui|este chat|los mensajes))?", said
    ):
        return "baja"
    if re.search(
        r"\b(?:dejen? de (?:escribirme|mandarme)|ya no (?:quiero|me manden?|me escriban?) (?:\w+ )?mensajes)\b", said
    ):
        return "baja"
    about = r"(?:datos|informacion|numero|telefono|conversacion|chat|todo lo (?:mio|que \w+))"
    if re.search(rf"\b(?:borr\w+|elimin\w+|quit\w+|cancel\w+)\b (?:\w+ ){{0,3}}?{about}\b", said):
        return "borrar"
    if re.search(
        r"\bque (?:saben|sabe|tienen|datos tienen|informacion tienen|guardan) (?:\w+ )?(?:de|sobre) mi(?! \w)|"
        r"\bcopia de (?:todos )?mis datos\b|\b(?:ver|consultar) mis datos\b",
        said,
    ):
        return "acceso"
    if re.search(
        r"\b(?:correg\w+|correj\w+|corrij\w+|cambi\w+|actualiz\w+) mis? (?:datos|numero|telefono|nombre)\b", said
    ):
        return "correccion"
    return None


_SPELLINGS = {
    sound(word): plain(word)
    for word in ("baja", "borrar", "borren", "borre", "datos", "saben", "número", "información", "eliminar", "quiero")
}


def _words(text: str) -> list[str]:
    shortened = {"q": "que", "k": "que", "ke": "que", "d": "de"}
    return [shortened.get(word.plain, _SPELLINGS.get(word.key, word.plain)) for word in words(text)]


def _read_notice(path: Path) -> Notice:
    return entries.converted(path, entries.parse(path).get("aviso"), Notice)
