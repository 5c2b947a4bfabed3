"""Sequence model of entities: a linear-chain CRF over our own token features. Knows nothing of Rasa."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Sequence

import pycrfsuite

from bot.nlu.entities.crf_features import features
from bot.nlu.entities.gazetteer import Catalogs
from bot.nlu.entities.spans import Span
from bot.nlu.normalizer import Piece, pieces

FILE = "entities.crfsuite"


@dataclass(frozen=True)
class Example:
    """A message and its annotated spans as (entity, start, end)."""

    text: str
    spans: tuple[tuple[str, int, int], ...]


def tags(tokens: Sequence[Piece], spans: Iterable[tuple[str, int, int]]) -> list[str]:
    """B- for the first token of an entity, I- for the rest, O outside."""
    result = ["O"] * len(tokens)
    for entity, start, end in spans:
        inside = [i for i, t in enumerate(tokens) if t.start < end and start < t.end]
        for order, i in enumerate(inside):
            result[i] = ("I-" if order else "B-") + entity
    return result


class EntityCrf:
    """Train, find, keep. The model file is crfsuite's own format: numbers and names, nothing that runs."""

    def __init__(self, model: bytes | None = None, outside: float = 0.8) -> None:
        """Without a model it finds nothing.

        ``outside``: a token counts as outside of any entity only when the model is that sure of it. The
        families' words are always more varied than the examples, and a missed medicine costs more than a
        word too many, so the balance is tilted (chosen on voices left out of training).
        """
        self.model, self.outside = model, outside
        self._tagger: Any = None
        self._labels: list[str] = []
        if model:
            self._tagger = pycrfsuite.Tagger()
            self._tagger.open_inmemory(model)
            self._labels = [label for label in self._tagger.labels() if label != "O"]

    @classmethod
    def train(cls, examples: Sequence[Example], catalogs: Catalogs, parameters: dict[str, Any]) -> EntityCrf:
        """Learn from annotated messages."""
        settings = dict(parameters)
        outside = float(settings.pop("outside", 0.8))
        trainer = pycrfsuite.Trainer(algorithm=settings.pop("algorithm"), verbose=False)
        trainer.set_params(settings)
        for example in examples:
            tokens = pieces(example.text)
            if tokens:
                trainer.append(features(tokens, example.text, catalogs), tags(tokens, example.spans))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            trainer.train(str(path))
            return cls(path.read_bytes(), outside)

    def find(self, text: str, catalogs: Catalogs) -> list[Span]:
        """The entities of one message, each as sure as its least sure token."""
        tokens = pieces(text)
        if self._tagger is None or not tokens:
            return []
        self._tagger.set(features(tokens, text, catalogs))
        predicted = self._tilted(self._tagger.tag(), [any(c.isalnum() for c in t.text) for t in tokens])
        found: list[Span] = []
        at = 0
        while at < len(predicted):
            if predicted[at] == "O":
                at += 1
                continue
            entity, after = predicted[at][2:], at + 1
            while after < len(predicted) and predicted[after] == "I-" + entity:
                after += 1
            sure = min(self._tagger.marginal(predicted[i], i) for i in range(at, after))
            found.append(Span(entity, tokens[at].start, tokens[after - 1].end, sure, "crf"))
            at = after
        return found

    def _tilted(self, predicted: list[str], words: list[bool]) -> list[str]:
        """Doubtful outside tokens become their likeliest entity, but never lengthen one the model was sure of."""
        result = list(predicted)
        for i, tag in enumerate(predicted):
            if not words[i]:
                continue
            beside = predicted[max(i - 1, 0) : i + 2]
            if tag != "O" or any(b != "O" for b in beside) or self._tagger.marginal("O", i) >= self.outside:
                continue
            result[i] = max(self._labels, key=lambda label: float(self._tagger.marginal(label, i)))
        return result

    def save(self, folder: Path) -> None:
        """Write the model file."""
        (folder / FILE).write_bytes(self.model or b"")

    @classmethod
    def load(cls, folder: Path, outside: float = 0.8) -> EntityCrf:
        """Read the model file."""
        return cls((folder / FILE).read_bytes() or None, outside)
