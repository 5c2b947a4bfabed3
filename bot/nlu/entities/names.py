"""Names of patients in full: a surname that follows belongs to the name, even if a state is called so too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.nlu.entities.spans import Span

_CAPITAL = r"[A-ZÁÉÍÓÚÑ][a-záéíóúüñ]+"
_SURNAME = re.compile(rf" (?:(?:de la|de los|del|de) )?{_CAPITAL}(?!\w)")
# Said of a patient. "La enfermera se llama Brenda" is not.
_INTRODUCED = re.compile(
    r"\b(?:nombre completo(?: de (?:mi|la|el|su) \w+)? es|(?:ni[ñn][oa]|hij[oa]|paciente|beb[eé]|niet[oa]) se llama"
    rf"|paciente(?: es|:)) (?P<name>{_CAPITAL}(?: {_CAPITAL}){{0,3}})(?!\w)"
)
# A state or hospital that is a surname too: "Sofía Guerrero", but not "Sofía, Guerrero".
_MAY_BE_A_SURNAME = ("representacion", "unidad", "paciente")
MOST_SURNAMES = 3


def whole_names(text: str, spans: Sequence[Span]) -> list[Span]:
    """The spans, with patients' names as long as they were written; those in capitals alone tell nothing."""
    if not re.search(r"[a-z]", text):
        return list(spans)
    found = sorted([*spans, *_introduced(text, spans)], key=lambda span: span.start)
    result: list[Span] = []
    for span in found:
        if result and span.start < result[-1].end:
            continue  # taken into the name before it
        result.append(_extended(text, span, found) if span.entity == "paciente" else span)
    return result


def _extended(text: str, name: Span, spans: Sequence[Span]) -> Span:
    end = name.end
    if not text[name.start].isupper():  # "lupita Es" tells nothing either
        return name
    for _ in range(MOST_SURNAMES):
        more = _SURNAME.match(text, end)
        if not more or any(_claims(text, span, more) for span in spans):
            break
        end = more.end()
    return replace(name, end=end)


def _claims(text: str, span: Span, word: re.Match[str]) -> bool:
    """Whether the word is part of something else: "Sofía del Hospital General"."""
    if span.start >= word.end() or word.start() + 1 >= span.end:
        return False
    adjacent = span.start == word.start() + 1 and " " not in text[span.start : span.end]
    return not (span.entity in _MAY_BE_A_SURNAME and (adjacent or span.entity == "paciente"))


def _introduced(text: str, spans: Sequence[Span]) -> list[Span]:
    found = [Span("paciente", *match.span("name"), 0.5, "pattern") for match in _INTRODUCED.finditer(text)]
    return [name for name in found if not any(name.overlaps(span) for span in spans)]
