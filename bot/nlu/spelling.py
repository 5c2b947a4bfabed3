"""How careful writers spell the words that hurried ones write by ear.

The sentence encoder learnt from correct text. From the training messages we learn, for every sound, the spelling
that careful voices use ("kiero", "qiero" -> "quiero"; "esta mañana" keeps its ñ), and the encoder reads that.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Iterable, Mapping

from bot.nlu.normalizer import pieces, shorten, sound, strip_accents, words

CAREFUL_ACCENTS = 0.012  # accented letters per letter: those who write accents have two or three in a hundred
_ACCENTED = set("áéíóúüñ")


class Spelling:
    """A correct spelling for each known sound."""

    def __init__(self, forms: Mapping[str, str] | None = None) -> None:
        """``forms``: sound -> spelling."""
        self.forms = dict(forms or {})

    @classmethod
    def learn(cls, texts: Iterable[str], voices: Iterable[str]) -> Spelling:
        """The commonest form of each sound among careful voices, else among all."""
        spoken = list(zip(texts, voices))
        careful = _careful(spoken)
        by_all: dict[str, Counter[str]] = defaultdict(Counter)
        by_careful: dict[str, Counter[str]] = defaultdict(Counter)
        for text, voice in spoken:
            for piece in pieces(text):
                form = piece.text.lower()
                if form.isalpha():
                    key = sound(shorten(strip_accents(form)))
                    by_all[key][form] += 1
                    if voice in careful:
                        by_careful[key][form] += 1
        return cls({k: (by_careful.get(k) or forms).most_common(1)[0][0] for k, forms in by_all.items()})

    def correct(self, text: str) -> str:
        """The message with abbreviations written out and words spelt as careful writers do."""
        return " ".join(self.forms.get(sound(word), word) for word in words(text)) or text


def _careful(spoken: list[tuple[str, str]]) -> set[str]:
    letters: Counter[str] = Counter()
    accents: Counter[str] = Counter()
    for text, voice in spoken:
        letters[voice] += len(text)
        accents[voice] += sum(c in _ACCENTED for c in text.lower())
    return {voice for voice, n in letters.items() if accents[voice] > CAREFUL_ACCENTS * n}
