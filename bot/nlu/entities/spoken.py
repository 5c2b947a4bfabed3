"""Hours, days and blood as they are said: forms that are clear wherever they stand, learnt or not.

They fill what the learnt finder leaves out, and complete what it found only half of: see ``completed``. Written for
text without accents, in lower case; spelling is met half-way, the rest is learnt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.nlu.entities.spans import Span
from bot.nlu.normalizer import strip_accents

CLEAR = 0.995  # whatever was learnt: "tipo de sangre b" is no component
SURE, LIKELY = 0.5, 0.4  # less than what is learnt, more than a name in a catalogue

_HOURS = r"(?:\d{1,2}|un[ao]|dos|tres|cuatro|[cs]in[ck]o|seis|siete|ocho|nueve|die[zs]|on[cs]e|do[cs]e)"
_PART = (
    r"(?:(?:de|en|por|d) la (?:ma+nn?a*|manana|mananita|tarde|tardecita|noche|nochecita|madrugada)|del (?:medio ?)?dia"
    r"|[ap]\.? ?m\b\.?)"
)
_AND = rf"(?: (?:y|con) (?:media|cuarto|pico|{_HOURS}|\d\d)\b| (?:y )?(?:media|treinta|quin[cs]e)\b)"
_WEEKDAY = r"(?:lune[sz]|marte[sz]|miercole[sz]|jueve[sz]|bierne[sz]|vierne[sz]|[sz]aba?do|domingo)"
_SHORT_DAY = r"(?:lun|mart|mierc?|juev?|vier?|sab|dom)"
_MONTH = r"(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|di[cs]iembre)"
_FEAST = (
    r"(?:nabidad|navidad|noche ?buena|ano nuevo|todos (?:los )?santos|semana santa|fiestas patrias|la candelaria"
    r"|(?:el )?dia de (?:los )?(?:muertos|reyes|las madres|la madre|el nino|la virgen)|(?:el )?dia del (?:nino|maestro))"
)
_UNIT = r"(?:dias?|semanas?|mes(?:es)?|anos?|quin[cs]enas?)"
_COUNT = rf"(?:{_HOURS}|\d{{1,3}}|un|par de|quin[cs]e|veinte|treinta)"
_ABOUT = r"(?:(?:como|casi|mas de|unos|unas) )?"

_FORMS: tuple[tuple[str, float, re.Pattern[str]], ...] = tuple(
    (entity, confidence, re.compile(rf"(?<!\w)(?:{form})(?!\w)"))
    for entity, confidence, form in (
        ("hora", SURE, rf"(?:a ?|como a |pa(?:ra)? )?(?:las? )?{_HOURS}{_AND}? ?{_PART}"),
        ("hora", SURE, rf"a ?las? {_HOURS}{_AND}"),
        ("hora", LIKELY, rf"(?:a ?las|tipo) {_HOURS}(?:[:.]\d\d)?(?: ?(?:hrs?|horas))?(?: en punto)?"),
        ("hora", SURE, rf"(?:a ?las? |las )?(?:[01]?\d|2[0-3]):[0-5]\d(?: ?(?:{_PART}|hrs?|horas))?"),
        ("hora", SURE, rf"(?:a )?(?:un )?(?:cuarto|cinco|die[zs]|veinte|5|10|15|20) pa(?:ra)? la?s? {_HOURS}(?: {_PART})?"),
        ("hora", LIKELY, r"(?:a |al )?(?:medio ?dia|media ?noche)"),
        ("fecha", SURE, r"20\d\d-[01]?\d-[0-3]?\d"),
        ("fecha", SURE, r"[0-3]?\d[/-][01]?\d[/-](?:20)?\d\d"),
        ("fecha", SURE, rf"(?:(?:desde|dsd|hasta|para|pa) )?(?:el )?{_WEEKDAY} (?:dia )?[0-3]?\d(?: de {_MONTH})?"
                        r"(?! ?(?:de la |am|pm|a\.|p\.|hrs|:))"),
        ("fecha", LIKELY, rf"(?:desde|dsd|dde) (?:el )?{_SHORT_DAY}"),
        ("fecha", LIKELY, rf"(?:(?:desde|dsd|antes de|despues de|para|pa|hasta|en) )?{_FEAST}(?: (?:del ano pasado|pasad[oa]))?"),
        ("fecha", SURE, rf"(?:desde )?(?:h?a[cs]en?|van? pa(?:ra)?) {_ABOUT}{_COUNT} {_UNIT}(?: y medi[oa])?"),
        ("fecha", SURE, rf"dentro de {_ABOUT}{_COUNT} {_UNIT}(?: y medi[oa])?"),
        ("fecha", LIKELY, r"(?:desde )?(?:la|esta) (?:otra |proxima )?quin[cs]ena(?: (?:pasada|que viene|que entra))?"),
        ("fecha", LIKELY, rf"(?:a |desde )?(?:fin|fines|finales|principios?|inicios?|mediados) de(?:l)? (?:ano|mes|{_MONTH})"),
        ("tipo_sangre", SURE, r"(?:ab|a|b|o|oh|0) ?(?:rh ?)?(?:positi[vb]|negati[vb])[oa]"),
        ("hora", LIKELY, r"de noche|(?:por|en) las (?:noches|tardes|mananas)|por la (?:noche|tarde|manana)"),
        ("unidad", LIKELY, r"(?:(?:el |la )?(?:hospital|hosp|clinica|klinica|clini|reg|regional|hg[zrs]|hgz ?/? ?mf|hgp|hgsz"
                           r"|umf|umae)(?: (?:general|regional|de zona|familiar|(?:de )?especialidades|numero|num|no)\.?)*"
                           r"[ .-]?#? ?\d{1,3})(?: de \w{4,})?"),
        ("tipo_sangre", CLEAR, r"(?:tipo de sangre|tipo|grupo(?: sanguineo)?) (?:ab|a|b|o|oh|0)"
                              r"(?: (?:rh )?(?:positi[vb]o|negati[vb]o|pos|neg|mas|menos)| ?[+-])?"),
        ("componente", LIKELY, r"plaquetaferesis|plaqueto?feresis|aferesis de \w+|cr[iy]o(?:precipitados?)?"
                               r"|concentrados? (?:plaquetarios?|eritrocitarios?|globular(?:es)?|de plaquetas)"),
    )
)  # fmt: skip
# What only capitals tell from "a", "o" and "más o menos".
_BLOOD_IN_CAPITALS = re.compile(r"(?<!\w)(?:(?:AB|A|B|O) (?:m[aá]s|menos)|AB)(?!\w)")
_SHORT_PHONE = re.compile(
    r"\b(?:cel(?:ular)?|tel(?:efono)?|whats\w*|numero|num)\b\D{0,12}(?P<number>\d(?:[\s.-]?\d){5,8})(?![\s.-]?\d)"
)


def find(text: str) -> Iterator[Span]:
    """All such forms in a message; they may overlap."""
    folded = strip_accents(text)
    if len(folded) != len(text):  # an odd sign that folds to more or fewer letters: offsets would lie
        return
    for entity, confidence, form in _FORMS:
        for match in form.finditer(folded):
            yield Span(entity, *match.span(), confidence, "pattern")
    for match in _BLOOD_IN_CAPITALS.finditer(text):
        yield Span("tipo_sangre", *match.span(), LIKELY, "pattern")
    for match in _SHORT_PHONE.finditer(folded):
        yield Span("telefono", *match.span("number"), SURE, "pattern")


def completed(learnt: Sequence[Span], forms: Sequence[Span]) -> list[Span]:
    """The forms, each as sure as the piece of it that was learnt: of "a la una y media" only "a la una"."""
    result = []
    for form in forms:
        pieces = [
            s.confidence for s in learnt if s.entity == form.entity and form.start <= s.start and s.end <= form.end
        ]
        result.append(replace(form, confidence=max([form.confidence, *pieces])))  # equally sure: the longest wins
    return result
