"""The signs of alarm in a message, and what changes their sense: negation, the past, a question, other meanings.

The words live in `data/safety/signs.yml`, in ordinary Spanish. Both they and the message are compared by how they
sound (`sound`), so that "combulcionando", "calentura" and "kalentura" need no entry of their own. They decide alone
when the model cannot, and keep watch over what it says (`gate.py`).
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

SIGNS_FILE = Path(__file__).resolve().parents[2] / "data" / "safety" / "signs.yml"

LONGEST = 4096  # characters: what a WhatsApp message may hold
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)?|[^\W\d_]+|[.!?¿¡;,\n…]")
_SOFT = {"pero", "aunke", "sino", "porke", "komo", "pues", "mientras"}  # folded; a negation does not reach past them
_GAPS = {"..": 3, "....": 6}
_SPELLED = {"treinta": 30, "kuarenta": 40, "treintaiocho": 38, "treintayocho": 38, "treintainuebe": 39}
_UNITS = {"siete": 7, "ocho": 8, "nuebe": 9, "uno": 1, "dos": 2}
_NUMBER_WORDS = {
    "uno",
    "dos",
    "tres",
    "kuatro",
    "sinko",
    "seis",
    "siete",
    "ocho",
    "nuebe",
    "dies",
    "ochenta",
    "nobenta",
}
_THERMOMETER = {"trae", "traia", "tiene", "marka", "marko", "termometro", "temperatura", "kalentura", "fiebre", "anda"}
_THERMOMETER |= {"subio", "sube", "de", "a", "en", "registra", "tengo", "traigo", "tubo", "tenia", "dio", "salio", "ba"}
_DEGREE = {"grados", "grado", "kalentura", "fiebre", "temperatura", "klabados", "serrados", "temp", "asilar", "pasados"}
_COUNTED = {"anos", "dias", "semanas", "pesos", "kilos", "personas", "ninos", "papas", "kilometros", "ojas", "familias"}
_COUNTED |= {"mil", "minutos", "oras", "meses", "pajinas", "donadores", "dokumentos", "km", "kg", "sm", "por", "beses"}
_COUNTED |= {"pasientes", "kintos", "puntos", "porsiento", "mujeres", "menores", "ano", "bolsas", "unidades", "kajas"}
_PLACE = {
    "kama",
    "folio",
    "jz",
    "gz",
    "gr",
    "umf",
    "klinika",
    "kaye",
    "ruta",
    "turno",
    "ficha",
    "taya",
    "numero",
    "piso",
}
_PLACE |= {"kubikulo", "kuarto", "pajina", "artikulo", "konsultorio", "kaja", "la", "numeral", "bentaniya", "puerta"}

_REPEATED = re.compile(r"([a-zñ])\1+")


@lru_cache(maxsize=50_000)
def sound(word: str) -> str:
    """How a word sounds in Mexican Spanish: the same for its common misspellings."""
    decomposed = unicodedata.normalize("NFD", word.lower().replace("ñ", "ny~"))
    w = "".join(c for c in decomposed if unicodedata.category(c) != "Mn").replace("ny~", "n")
    if w in ("q", "k", "qe", "ke", "que"):
        return "ke"
    w = w.replace("ll", "y").replace("ch", "1").replace("qu", "k").replace("q", "k")
    w = re.sub(r"c(?=[eiy])", "s", w).replace("c", "k").replace("z", "s").replace("v", "b").replace("x", "s")
    w = w.replace("ks", "s")
    w = re.sub(r"gu(?=[ei])", "2", w)
    w = re.sub(r"g(?=[ei])", "j", w).replace("2", "g")
    w = w.replace("h", "").replace("1", "ch").replace("w", "gu")
    w = re.sub(r"n(?=[bp])", "m", w)
    w = re.sub(r"y(?![aeiou])", "i", w)
    return _REPEATED.sub(r"\1", w)


@dataclass(slots=True)
class Token:
    """One word or number of the message; `brk` says what stands before it: '' nothing, ',' a pause, '.' an end."""

    text: str
    tags: frozenset[str]
    brk: str = ""
    asked: bool = False  # its sentence ends with a question mark


@dataclass(slots=True)
class Found:
    """An expression found at tokens [start, end)."""

    label: str
    start: int
    end: int
    source: str = ""
    status: str = "plain"


@dataclass(slots=True)
class Reading:
    """All that was found in one message."""

    tokens: list[Token]
    signs: list[Found] = field(default_factory=list)
    scopes: list[Found] = field(default_factory=list)
    degrees: list[tuple[int, float, str]] = field(default_factory=list)  # token, value, status


class _Element:
    """One element of an expression: exact words, beginnings of words, or groups."""

    __slots__ = ("exact", "prefixes", "tags")

    def __init__(self, source: str) -> None:
        self.exact: set[str] = set()
        self.tags: set[str] = set()
        prefixes: set[str] = set()
        for part in source.split("|"):
            if part.startswith("<"):
                self.tags.add(part.strip("<>"))
            elif part.endswith("*"):
                prefixes.update(_prefixes(part[:-1]))
            elif part:
                self.exact.add(sound(part))
        self.prefixes = tuple(prefixes)

    def matches(self, token: Token) -> bool:
        text = token.text
        if text in self.exact or (self.prefixes and text.startswith(self.prefixes)):
            return True
        return not self.tags.isdisjoint(token.tags)


def _prefixes(stem: str) -> set[str]:
    """The beginnings that a stem may sound like: the sound of a last c or g depends on what follows."""
    whole = sound(stem)
    if stem.endswith(("y", "ll")):
        return {sound(stem + "a")[:-1]}
    if stem.endswith("c"):
        return {whole, whole[:-1] + "s"}
    if stem.endswith("g"):
        return {whole, whole[:-1] + "j"}
    return {whole}


@dataclass(slots=True)
class _Expression:
    label: str
    source: str
    steps: tuple[tuple[int, _Element], ...]  # how many tokens may stand before it, and the element


class Lexicon:
    """The expressions of signs.yml, indexed by what they begin with."""

    def __init__(self, source: dict[str, Any]) -> None:
        self.kinds: dict[str, dict[str, Any]] = source["kinds"]
        self.harmless_kinds: dict[str, str] = source["harmless_kinds"]
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._beginnings: dict[str, set[str]] = defaultdict(set)
        for group, words in source["words"].items():
            for word in str(words).split():
                if word.endswith("*"):
                    for prefix in _prefixes(word[:-1]):
                        self._beginnings[prefix].add(group)
                else:
                    self._exact[sound(word)].add(group)
        self._by_exact: dict[str, list[_Expression]] = defaultdict(list)
        self._by_prefix: dict[str, list[_Expression]] = defaultdict(list)
        self._by_tag: dict[str, list[_Expression]] = defaultdict(list)
        for section in ("signs", "scope"):
            for label, lines in source[section].items():
                for line in lines.splitlines():
                    for elements in _without_options(line.split()):
                        self._add(f"{section}:{label}", elements)
        self._starts = lru_cache(maxsize=50_000)(self._find_starts)
        self.tags = lru_cache(maxsize=50_000)(self._find_tags)

    def _add(self, label: str, elements: list[str]) -> None:
        steps: list[tuple[int, _Element]] = []
        gap = 0
        for element in elements:
            if element in _GAPS:
                gap = _GAPS[element]
                continue
            steps.append((gap, _Element(element)))
            gap = 0
        if not steps:
            return
        expression = _Expression(label, " ".join(elements), tuple(steps))
        first = steps[0][1]
        for word in first.exact:
            self._by_exact[word].append(expression)
        for prefix in first.prefixes:
            self._by_prefix[prefix].append(expression)
        for tag in first.tags:
            self._by_tag[tag].append(expression)

    def _find_tags(self, text: str) -> frozenset[str]:
        if text[0].isdigit() or text in _NUMBER_WORDS:
            return frozenset(("num",))
        found = set(self._exact.get(text, ()))
        for length in range(2, len(text) + 1):
            found |= self._beginnings.get(text[:length], frozenset())
        return frozenset(found)

    def _find_starts(self, text: str) -> tuple[_Expression, ...]:
        found = list(self._by_exact.get(text, ()))
        for length in range(1, len(text) + 1):
            found += self._by_prefix.get(text[:length], ())
        for tag in self.tags(text):
            found += self._by_tag.get(tag, ())
        return tuple(found)

    def find(self, tokens: list[Token]) -> Iterator[Found]:
        """Every expression in the message, the longest of each that begin at the same word."""
        for start, token in enumerate(tokens):
            longest: dict[str, Found] = {}
            for expression in self._starts(token.text):
                end = _match(tokens, start + 1, expression.steps, 1)
                best = longest.get(expression.label)
                if end and (best is None or end > best.end):
                    longest[expression.label] = Found(expression.label, start, end, expression.source)
            yield from longest.values()


def _without_options(elements: list[str]) -> list[list[str]]:
    """`?word` may be missing: one expression with it and one without it. `two_words` are one choice of several."""
    variants: list[list[str]] = [[]]
    for element in elements:
        if "_" in element:
            joined = [part.split("_") for part in element.split("|") if "_" in part]
            rest = "|".join(part for part in element.split("|") if "_" not in part)
            choices = joined + ([[rest]] if rest else [])
            variants = [[*variant, *choice] for variant in variants for choice in choices]
            continue
        if element.startswith("?") and len(element) > 1:
            variants += [[*variant, element[1:]] for variant in variants]
        else:
            variants = [[*variant, element] for variant in variants]
    return variants


def _match(tokens: list[Token], at: int, steps: tuple[tuple[int, _Element], ...], step: int) -> int:
    """The end of the expression's rest from here, or 0. Nothing matches past the end of a sentence."""
    if step == len(steps):
        return at
    gap, element = steps[step]
    for position in range(at, min(at + gap + 1, len(tokens))):
        if tokens[position].brk == ".":
            return 0
        if element.matches(tokens[position]):
            end = _match(tokens, position + 1, steps, step + 1)
            if end:
                return end
    return 0


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    return Lexicon(yaml.safe_load(SIGNS_FILE.read_text(encoding="utf-8")))


def read(text: str) -> Reading:
    """Find the signs of a message, each with what changes its sense."""
    words = lexicon()
    tokens = _tokens(text, words)
    reading = Reading(tokens)
    found = list(words.find(tokens))
    signs = [f for f in found if f.label.startswith("signs:")]
    reading.scopes = [Found(f.label[6:], f.start, f.end, f.source) for f in found if f.label.startswith("scope:")]
    reading.signs = [Found(f.label[6:], f.start, f.end, f.source) for f in signs if not _inside_longer(f, signs)]
    starts = _sentence_starts(tokens)
    scopes_by_sentence: dict[int, list[Found]] = defaultdict(list)
    for scope in reading.scopes:
        scopes_by_sentence[starts[scope.start]].append(scope)
    for sign in reading.signs:
        sign.status = _status(sign, tokens, scopes_by_sentence[starts[sign.start]])
    reading.degrees = list(_degrees(tokens, scopes_by_sentence, starts))
    return reading


def _tokens(text: str, words: Lexicon) -> list[Token]:
    tokens: list[Token] = []
    brk = "."
    sentence = 0
    for piece in _TOKEN.findall(text[:LONGEST]):
        if piece in ".!?\n;…¿¡":
            if piece == "?":
                for token in tokens[sentence:]:
                    token.asked = True
            brk = "."
            sentence = len(tokens)
        elif piece == ",":
            brk = brk or ","
        else:
            word = piece.replace(",", ".").replace(":", ".") if piece[0].isdigit() else sound(piece)
            if not word:
                continue
            if word in _SOFT and not brk:
                brk = ","
            tokens.append(Token(word, words.tags(word), brk))
            brk = ""
    return tokens


def _inside_longer(one: Found, others: list[Found]) -> bool:
    return any(
        other.label == one.label
        and other.start <= one.start
        and one.end <= other.end
        and (other.end - other.start) > (one.end - one.start)
        for other in others
    )


def _sentence_starts(tokens: list[Token]) -> list[int]:
    starts, start = [], 0
    for i, token in enumerate(tokens):
        if token.brk == ".":
            start = i
        starts.append(start)
    return starts


def _status(sign: Found, tokens: list[Token], scopes: list[Found]) -> str:
    """What becomes of a sign where it stands; the first that applies."""
    if any(s.label == "other_sense" and s.start < sign.end and sign.start < s.end for s in scopes):
        return "other"
    if _negated(sign, tokens):
        return "negated"
    for label, reach in (("hypothetical", 7), ("third", 9), ("past", 9), ("resolved", 6)):
        for scope in scopes:
            if scope.label != label:
                continue
            if label == "resolved":
                if scope.end == sign.start and tokens[sign.start - 1].text == "bien":
                    continue  # "está bien pálido": very, not well
                near = -reach <= scope.start - sign.end <= reach or -reach <= sign.start - scope.end <= reach
            else:
                near = 0 <= sign.start - scope.start <= reach or (label == "past" and scope.start >= sign.start)
            if near:
                return "asked" if label == "hypothetical" and _going_on(sign, tokens) else label
    return "asked" if tokens[sign.start].asked else "plain"


def _going_on(sign: Found, tokens: list[Token]) -> bool:
    """ "¿y si no orina desde ayer?" asks about something that is happening."""
    for i in range(sign.start, min(sign.end + 6, len(tokens) - 1)):
        if tokens[i].text in ("desde", "dende", "yeba", "ase") and "hora" in tokens[i + 1].tags:
            return True
    return False


def _negated(sign: Found, tokens: list[Token]) -> bool:
    """A negation just before, that nothing separates. Signs that are themselves a "no" keep it."""
    if "neg" in tokens[sign.start].tags:
        return False
    for i in range(sign.start - 1, max(-1, sign.start - 5), -1):
        if tokens[i + 1].brk:
            return False
        if "neg" in tokens[i].tags:
            return True
    return False


def _degrees(
    tokens: list[Token], scopes: dict[int, list[Found]], starts: list[int]
) -> Iterator[tuple[int, float, str]]:
    """Numbers that are a temperature of the body, with how sure that is: `sure`, `maybe`, or what changes it."""
    for i in range(len(tokens)):
        value, end = _number(tokens, i)
        if not 35 <= value < 43:
            continue
        after = [t.text for t in tokens[end : end + 3] if t.brk != "."]
        before = [t.text for t in tokens[max(starts[i], i - 3) : i]]
        if (after and after[0] in _COUNTED) or (before and before[-1] in _PLACE and before[-2:-1] != ["a"]):
            continue
        half = after[:2] in (["i", "medio"], ["i", "piko"], ["i", "kachito"])
        sure = (
            value != int(value)
            or half
            or any(w in _DEGREE for w in after[:2])
            or any("fiebre" in t.tags or "temperatura" in t.tags for t in tokens[max(starts[i], i - 6) : end + 4])
        )
        status = "sure" if sure else ("maybe" if any(w in _THERMOMETER for w in before) else "bare")
        near = scopes[starts[i]]
        for label in ("hypothetical", "third", "past"):
            if any(s.label == label and 0 <= i - s.start <= 9 for s in near):
                status = label
                break
        yield i, value + (0.5 if half else 0), status


def _number(tokens: list[Token], i: int) -> tuple[float, int]:
    text = tokens[i].text
    if text[0].isdigit():
        try:
            value = float(text)
        except ValueError:
            return 0.0, i + 1
        if 350 <= value < 430 and value == int(value):  # 385: the point was forgotten
            value = value / 10
        return value, i + 1
    base = _SPELLED.get(text, 0)
    if base in (30, 40):
        rest = [t.text for t in tokens[i + 1 : i + 3]]
        if len(rest) == 2 and rest[0] == "i" and rest[1] in _UNITS:
            return base + _UNITS[rest[1]], i + 3
    return float(base), i + 1
