"""Bring the many spellings of WhatsApp Spanish closer together, for features only.

Nothing here changes the message: entities keep the text and offsets that the person wrote.
Three views of a message feed the classifier:

* ``words``: lower case, no accents, abbreviations written out, shouted letters shortened;
* ``sound``: the same, spelt as it sounds (b/v, s/c/z, h, ll/y, k/q), so that "bincristina"
  and "vincristina" are one word;
* numbers that identify something become a mark of their shape ("telefono", "nss", "folio"), because
  the intent depends on there being one and never on its digits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# A word keeps inner digits and hyphens when it is a code (PU-7K3M-9F4, 6-MP, 140-bis).
_TOKEN = re.compile(r"(?P<word>[^\W_]+(?:[-'’/.:][^\W_]+)*[+-]?(?=\s|$|[^\w])|[^\W_]+)|(?P<mark>[^\w\s]|_)", re.UNICODE)
_INNER = re.compile(r"[^\W_]+|[^\w\s]|_", re.UNICODE)
_CODE = re.compile(r"\w*\d\w*(?:-\w+)*|\w{2,4}-\w{3,5}(?:-\w{2,5})?", re.UNICODE)
_LAUGH = re.compile(r"^(?:j+[aeiou]+){2,}j*$|^(?:[aeo]*h[aeo]){3,}$|^lo+l$")

# How people shorten words when they type with one thumb. Only unambiguous ones.
ABBREVIATIONS: dict[str, str] = {
    "q": "que", "k": "que", "qe": "que", "ke": "que", "xq": "porque", "xk": "porque", "pq": "porque", "pk": "porque",
    "porq": "porque", "xke": "porque", "xque": "porque", "x": "por", "d": "de", "dl": "del", "pa": "para",
    "p": "para", "pal": "para el", "pa'": "para", "tmb": "tambien", "tb": "tambien", "tbn": "tambien",
    "tmbn": "tambien", "tambn": "tambien", "tambn.": "tambien", "aki": "aqui", "aka": "aca", "porfa": "por favor",
    "xfa": "por favor", "plis": "por favor", "pls": "por favor", "pf": "por favor", "porfis": "por favor",
    "porfavor": "por favor", "xfavor": "por favor", "fis": "favor", "toy": "estoy", "stoy": "estoy", "stoi": "estoy",
    "toi": "estoy", "ta": "esta", "sta": "esta", "tan": "estan", "tamos": "estamos", "tas": "estas", "taba": "estaba",
    "ntp": "no te preocupes", "grax": "gracias", "grcs": "gracias", "gracs": "gracias", "grasias": "gracias",
    "grs": "gracias", "dr": "doctor", "dra": "doctora", "doc": "doctor", "seño": "señora", "bn": "bien",
    "komo": "como", "cmo": "como", "kiero": "quiero", "qiero": "quiero", "kero": "quiero", "kieren": "quieren",
    "kiere": "quiere", "kien": "quien", "qien": "quien", "msj": "mensaje", "msg": "mensaje", "ps": "pues",
    "pz": "pues", "pos": "pues", "pus": "pues", "ora": "ahora", "orita": "ahorita", "haorita": "ahorita",
    "aorita": "ahorita", "m": "me", "t": "te", "c": "se", "l": "el", "n": "en", "s": "es", "tngo": "tengo",
    "tnemos": "tenemos", "kuando": "cuando", "cndo": "cuando", "cdo": "cuando", "qndo": "cuando", "dnd": "donde",
    "dond": "donde", "onde": "donde", "ond": "donde", "nd": "nada", "ndie": "nadie", "nomas": "nada mas",
    "namas": "nada mas", "nms": "no manches", "vdd": "verdad", "vd": "verdad", "bb": "bebe", "mijo": "mi hijo",
    "mija": "mi hija", "mijito": "mi hijito", "mijita": "mi hijita", "hj": "hijo", "hja": "hija", "hosp": "hospital",
    "hospi": "hospital", "ospital": "hospital", "info": "informacion", "wats": "whatsapp", "guats": "whatsapp",
    "whats": "whatsapp", "wasap": "whatsapp", "guatsap": "whatsapp", "wpp": "whatsapp", "cel": "celular",
    "tel": "telefono", "num": "numero", "nro": "numero", "no.": "numero", "lic": "licencia", "med": "medicina",
    "medic": "medicamento", "mdto": "medicamento", "apt": "apartamento", "sem": "semana", "hrs": "horas",
    "hr": "hora", "min": "minuto", "mins": "minutos", "dsd": "desde", "dsde": "desde", "asta": "hasta",
    "ntonces": "entonces", "entons": "entonces", "entos": "entonces", "tons": "entonces", "bnas": "buenas",
    "wenas": "buenas", "bnos": "buenos", "wenos": "buenos", "ola": "hola", "hla": "hola", "dsps": "despues",
    "dspues": "despues", "dp": "despues", "xo": "pero", "pro": "pero", "cn": "con", "sn": "sin", "tdo": "todo",
    "tda": "toda", "tds": "todos", "mñn": "mañana", "mñna": "mañana", "mna": "mañana", "muxo": "mucho",
    "mxo": "mucho", "muxas": "muchas", "mcho": "mucho", "nel": "no", "nop": "no", "sip": "si", "sep": "si",
    "ims": "imss", "trab": "trabajo", "soc": "social", "fam": "familia", "salu2": "saludos", "slds": "saludos",
    "bye": "adios", "bay": "adios", "bai": "adios", "urg": "urgente",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A word or mark with its place in the message."""

    text: str
    start: int
    end: int


def pieces(text: str) -> list[Piece]:
    """Split a message into words, codes, numbers, emoji and punctuation, none of them lost."""
    found: list[Piece] = []
    for match in _TOKEN.finditer(text):
        word, start = match.group(), match.start()
        if len(word) == 1 or word.isalnum() or _CODE.fullmatch(word):
            found.append(Piece(word, start, match.end()))
        else:
            found += [Piece(m.group(), start + m.start(), start + m.end()) for m in _INNER.finditer(word)]
    return found


@lru_cache(maxsize=50_000)
def strip_accents(text: str) -> str:
    """Lower case without accents; ñ becomes n, as half of the families type it."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@lru_cache(maxsize=50_000)
def shorten(word: str) -> str:
    """ "holaaaa" -> "hola", "siiii" -> "si"; a double letter stays (llave, carro, leer)."""
    return re.sub(r"([^\W\d_])\1{2,}", r"\1", word)


def number_shape(word: str) -> str | None:
    """The mark for a word with digits, or None when it has none."""
    if not any(c.isdigit() for c in word):
        return None
    digits = sum(c.isdigit() for c in word)
    letters = sum(c.isalpha() for c in word)
    if letters == 0:
        if digits >= 9:
            return {10: "xtelefono", 11: "xnss", 12: "xtelefono"}.get(digits, "xlargo")
        return word if digits <= 3 else "xnumero" + str(digits)
    if digits + letters == 18:
        return "xcurp"
    return "xcodigo" if digits + letters >= 5 else word


_SPACED_DIGITS = re.compile(r"(?<![\w-])\+?\d[\d\s().-]{7,}\d(?![\w-])")
_FOLIO = re.compile(r"\bpu[\s-]?[a-z0-9]{3,5}[\s-]?[a-z0-9]{2,5}\b", re.IGNORECASE)


def _join_numbers(text: str) -> str:
    """ "55 5555 0134" is one number: written in groups it still is a phone."""
    return _SPACED_DIGITS.sub(lambda m: " " + re.sub(r"\D", "", m.group()) + " ", text)


def words(text: str) -> list[str]:
    """The plain words of a message: folded, shortened, written out."""
    text = _FOLIO.sub(lambda m: " xfolio " if any(c.isdigit() for c in m.group()) else m.group(), text)
    found: list[str] = []
    for piece in pieces(_join_numbers(text)):
        word = piece.text.lower()
        expanded = ABBREVIATIONS.get(word)
        if expanded:
            found += strip_accents(expanded).split()
            continue
        word = shorten(strip_accents(word))
        if _LAUGH.match(word):
            word = "jaja"
        found.append(number_shape(word) or ABBREVIATIONS.get(word) or word)
    return " ".join(found).split()


_SOUNDS = [
    (re.compile(p), r)
    for p, r in (
        (r"x(?=telefono|nss|curp|folio|largo|numero|codigo)", "#"),
        (r"ch", "1"), (r"sh", "1"), (r"ph", "f"), (r"qu|q|c(?=[aouklrst]|$)|ck", "k"), (r"sc(?=[ei])|x(?=c)", "s"),
        (r"[zc]", "s"), (r"g(?=[ei])", "j"), (r"gu(?=[ei])", "g"), (r"gü", "gu"), (r"^gua|^hua|^wa", "wa"),
        (r"^gue|^hue|^we|^bue", "we"),
        (r"h", ""), (r"v", "b"), (r"ll", "y"), (r"y$", "i"), (r"ñ", "n"), (r"n(?=[bp])", "m"), (r"([^\W\d_])\1", r"\1"),
    )
]  # fmt: skip


@lru_cache(maxsize=50_000)
def sound(word: str) -> str:
    """Spell a folded word as it sounds, so that spelling mistakes meet."""
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word or "h"


def plain(text: str) -> str:
    """The normalised message, for word and character features and for the sentence encoder."""
    return " ".join(words(text))


def phonetic(text: str) -> str:
    """The normalised message as it sounds."""
    return " ".join(sound(w) for w in words(text))
