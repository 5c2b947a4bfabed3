"""Where a message may hold two requests: the places to cut it in two."""

from __future__ import annotations

import re

from bot.nlu.normalizer import strip_accents

SECOND_INTENT = "second_intent"  # on a message: the other request, {name, confidence, start, end}
FEWEST_WORDS = 3
MOST_CUTS = 2
# Ends of sentences, and the turns with which people add another matter. Compared without accents.
_CUT = re.compile(
    r"(?<=[.!?;…\n])\s+(?=\S)"
    r"|\s+(?=(?:y|e|o)\s+(?:tambien|tmb|tb|aparte|ademas|otra\s+cosa|de\s+paso|ya\s+que\s+estamos|quiero|quisiera|kiero"
    r"|necesito|ocupo|cuando|como|komo|donde|cuanto|quien|kien|a\s+que\s+hora|que\s+(?:papeles|necesito|ocupo|horario))\b)"
    r"|[,\s]+(?=(?:ademas|aparte|tambien|otra\s+cosa|por\s+otro\s+lado|de\s+paso|oiga\s+y|y\s+oiga|y\s+otra)\b)"
    r"|(?<=\?)\s*(?=\S)"
)


def cuts(text: str) -> list[tuple[int, int]]:
    """The places to cut: (where the first part ends, where the second starts), each part able to stand alone."""
    folded = strip_accents(text)
    if len(folded) != len(text):  # an odd sign that folds to more or fewer letters: offsets would lie
        return []
    found = [(match.start(), match.end()) for match in _CUT.finditer(folded)]
    return [(a, b) for a, b in found if min(len(text[:a].split()), len(text[b:].split())) >= FEWEST_WORDS][:MOST_CUTS]
