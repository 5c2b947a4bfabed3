"""The intent model: Gaussian kernel ridge over n-grams and a sentence vector. Knows nothing of Rasa.

Why this and not another: docs/decisions/0003-nlu-pipeline.md. What matters for the reader:

* Every message is one long vector: tf-idf of character and word n-grams of how it sounds, and the sentence
  encoder's vector, each family of length 1 times the root of its weight.
* Two messages are as alike as a Gaussian of their distance; the answer is a weighted vote of all training messages.
* The weights have a closed form, and so has the answer that the model would give with a whole voice left out
  of training. Confidence is calibrated on those answers: on people the model has not met.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy as np
import scipy.linalg.blas as blas
import scipy.linalg.lapack as lapack
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.nlu.normalizer import phonetic

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Said:
    """A message, and the parts of it that name something: (entity, start, end)."""

    text: str
    named: tuple[tuple[str, int, int], ...] = ()

    def part(self, start: int, end: int) -> Said:
        """A piece of the message with the names inside it."""
        inside = ((e, a - start, b - start) for e, a, b in self.named if start <= a and b <= end)
        return Said(self.text[start:end], tuple(inside))

    def with_kinds(self) -> str:
        """The text with each named thing replaced by its kind: "no hay zqmedicamento en zqunidad"."""
        written, last = "", 0
        for entity, start, end in sorted(self.named, key=lambda n: (n[1], -n[2])):
            if start >= last:
                written += f"{self.text[last:start]} zq{entity} "
                last = end
        return written + self.text[last:]


VIEWS: dict[str, Callable[[Said], str]] = {
    "sound": lambda said: phonetic(said.text),
    "sound_with_ends": lambda said: f"xbeg {phonetic(said.text)} xend",
    "kinds_with_ends": lambda said: f"xbeg {phonetic(said.with_kinds())} xend",
}
FEW_MESSAGES = 4  # a message and its halves: each goes its own quick way
MANY_MESSAGES = 25_000  # beyond this, memory and time of training (n² and n³) deserve another method


@dataclass(frozen=True)
class NGrams:
    """One family of n-gram features over one view of the message."""

    view: str
    unit: str
    shortest: int
    longest: int
    weight: float
    min_messages: int = 2

    def vectorizer(self, messages: int) -> TfidfVectorizer:
        """An unfitted vectorizer; character grams stay inside words, word grams run over marks and emoji too.

        With only a handful of messages nothing may be dropped for being rare.
        """
        return TfidfVectorizer(
            analyzer={"char": "char_wb", "word": "word"}[self.unit], ngram_range=(self.shortest, self.longest),
            min_df=self.min_messages if messages >= 500 else 1, sublinear_tf=True, lowercase=False, dtype=np.float32,
            token_pattern=r"\S+" if self.unit == "word" else None,
        )  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What was chosen by measurement."""

    ngrams: tuple[NGrams, ...] = (
        NGrams("sound", "char", 2, 5, 0.18),
        NGrams("sound_with_ends", "word", 1, 3, 0.09),
        NGrams("kinds_with_ends", "word", 1, 3, 0.18),
    )
    dense_weight: float = 0.36
    ridge: float = 0.005


@dataclass
class IntentModel:
    """Fit, score, save, load."""

    settings: Settings = field(default_factory=Settings)
    intents: list[str] = field(default_factory=list)
    temperature: float = 10.0
    vectorizers: list[TfidfVectorizer] = field(default_factory=list)
    known: sp.csr_matrix | None = None  # sparse features of the training messages
    known_dense: np.ndarray | None = None
    by_ngram: sp.csr_matrix | None = None  # ``known`` turned: for each n-gram the messages that have it
    votes: np.ndarray | None = None
    left_out: np.ndarray | None = None  # after fit: scores of each training message by a model without its voice

    # ---- learning

    def fit(
        self, messages: Sequence[Said], labels: Sequence[str], voices: Sequence[str], dense: np.ndarray | None = None
    ) -> IntentModel:
        """Learn from labelled messages; the voices say which messages must not vouch for each other."""
        if len(messages) > MANY_MESSAGES:
            logger.warning("%d training messages: training grows with their cube, see decision 0003.", len(messages))
        self.intents = sorted(set(labels))
        answers = np.asarray([self.intents.index(label) for label in labels])
        targets = np.eye(len(self.intents), dtype=np.float32)[answers] - np.float32(1 / len(self.intents))
        views = self._views(messages)
        self.vectorizers = [n.vectorizer(len(messages)).fit(views[n.view]) for n in self.settings.ngrams]
        self.known, self.known_dense, self.by_ngram = self._sparse(views), self._dense(dense), None
        inverse = self._inverse()
        self.votes = np.asarray(blas.ssymm(1.0, inverse, targets, lower=1), dtype=np.float32)
        self.left_out = _without_own_group(inverse, self.votes, targets, _groups(voices))
        self.temperature = best_temperature(self.left_out, answers)
        return self

    def _inverse(self) -> np.ndarray:
        """Lower triangle of (K + ridge·I)⁻¹, computed in place: at ten thousand messages K alone weighs 400 MB."""
        kernel = self._kernel(self.known, self.known_dense, halved=True)
        kernel[np.diag_indices_from(kernel)] += self.settings.ridge
        factor, problem = lapack.spotrf(kernel.T, lower=1, overwrite_a=1, clean=0)
        inverse, problem_too = lapack.spotri(factor, lower=1, overwrite_c=1)
        if problem or problem_too:
            raise ArithmeticError("The kernel of the training messages could not be inverted; raise 'ridge'.")
        return np.asarray(inverse)

    # ---- use

    def probabilities(self, messages: Sequence[Said], dense: np.ndarray | None = None) -> np.ndarray:
        """One row of calibrated probabilities a message, in the order of ``intents``."""
        return softmax(self.scores(messages, dense) * self.temperature)

    def scores(self, messages: Sequence[Said], dense: np.ndarray | None = None) -> np.ndarray:
        """The raw vote for each intent."""
        assert self.votes is not None, "fit or load first"
        return np.asarray(self._kernel(self._sparse(self._views(messages)), self._dense(dense)) @ self.votes)

    def _kernel(self, sparse: sp.csr_matrix, dense: np.ndarray | None, *, halved: bool = False) -> np.ndarray:
        """Likeness of messages to the training messages: exp(x·x' − g), where g is the full length of a vector.

        ``halved``: of the training messages to themselves only the upper triangle is right, at half the time.
        """
        assert self.known is not None
        if sparse.shape[0] <= FEW_MESSAGES:
            likeness = np.stack([self._alike(row) for row in sparse])
        else:
            likeness = np.zeros((sparse.shape[0], self.known.shape[0]), dtype=np.float32)
            for at in range(0, sparse.shape[0], 500):
                first = at if halved else 0
                likeness[at : at + 500, first:] = (sparse[at : at + 500] @ self.known[first:].T).toarray()
        full = sum(n.weight for n in self.settings.ngrams)
        if dense is not None and self.known_dense is not None:
            likeness += dense @ self.known_dense.T
            full += self.settings.dense_weight
        likeness -= np.float32(full)
        return np.asarray(np.exp(likeness, out=likeness))

    def _alike(self, message: sp.csr_matrix) -> np.ndarray:
        """One message's n-grams against all that is known: only the columns of the n-grams that it has."""
        if self.by_ngram is None:
            assert self.known is not None
            self.by_ngram = self.known.T.tocsr()
        return np.asarray(self.by_ngram[message.indices].T @ message.data)

    def _views(self, messages: Sequence[Said]) -> dict[str, list[str]]:
        return {view: [VIEWS[view](m) for m in messages] for view in {n.view for n in self.settings.ngrams}}

    def _sparse(self, views: dict[str, list[str]]) -> sp.csr_matrix:
        blocks: list[Any] = [
            v.transform(views[n.view]) * np.float32(np.sqrt(n.weight))
            for n, v in zip(self.settings.ngrams, self.vectorizers)
        ]
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def _dense(self, dense: np.ndarray | None) -> np.ndarray | None:
        if dense is None or not self.settings.dense_weight:
            return None
        length = np.linalg.norm(dense, axis=1, keepdims=True)
        return np.asarray(dense / np.maximum(length, 1e-6) * np.sqrt(self.settings.dense_weight), dtype=np.float32)

    # ---- keeping

    def save(self, folder: Path) -> None:
        """Plain JSON and numbers: nothing in it can run code when it is read."""
        assert self.known is not None and self.votes is not None, "fit first"
        terms = [sorted(v.vocabulary_, key=v.vocabulary_.__getitem__) for v in self.vectorizers]
        description = {
            "settings": asdict(self.settings), "intents": self.intents, "temperature": self.temperature, "terms": terms
        }  # fmt: skip
        (folder / "intent_model.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
        numbers = {f"idf{i}": v.idf_.astype(np.float32) for i, v in enumerate(self.vectorizers)}
        numbers |= {"data": self.known.data, "indices": self.known.indices, "indptr": self.known.indptr}
        if self.known_dense is not None:
            numbers["dense"] = self.known_dense
        np.savez(folder / "intent_model.npz", votes=self.votes, shape=np.asarray(self.known.shape), **numbers)

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what ``save`` wrote."""
        description = json.loads((folder / "intent_model.json").read_text(encoding="utf-8"))
        stored = description["settings"]
        settings = Settings(**{**stored, "ngrams": tuple(NGrams(**n) for n in stored["ngrams"])})
        model = cls(settings, description["intents"], description["temperature"])
        with np.load(folder / "intent_model.npz", allow_pickle=False) as numbers:
            parts = (numbers["data"], numbers["indices"], numbers["indptr"])
            model.known = sp.csr_matrix(parts, shape=tuple(numbers["shape"]))
            model.known_dense = numbers["dense"] if "dense" in numbers.files else None
            model.votes = numbers["votes"]
            for i, (ngrams, terms) in enumerate(zip(settings.ngrams, description["terms"])):
                vectorizer = ngrams.vectorizer(len(terms))
                vectorizer.vocabulary = {term: at for at, term in enumerate(terms)}
                vectorizer.idf_ = numbers[f"idf{i}"]
                model.vectorizers.append(vectorizer)
        return model


def _groups(voices: Sequence[str]) -> list[np.ndarray]:
    """The messages of each voice; where voices are not told apart, ten groups in turn."""
    names = np.asarray(voices)
    if len(set(voices)) < 2:
        names = np.arange(len(voices)) % min(10, len(voices))
    return [np.where(names == name)[0] for name in np.unique(names)]


def _without_own_group(
    inverse: np.ndarray, votes: np.ndarray, targets: np.ndarray, groups: list[np.ndarray]
) -> np.ndarray:
    """What each message would score had its group not been trained on: exact, from the one inverse we have."""
    scores = np.empty_like(targets)
    for group in groups:
        lower = np.tril(inverse[np.ix_(group, group)])
        block = lower + np.tril(lower, -1).T
        scores[group] = targets[group] - np.linalg.solve(block, votes[group])
    return scores


def softmax(scores: np.ndarray) -> np.ndarray:
    """Row by row."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def best_temperature(scores: np.ndarray, answers: np.ndarray) -> float:
    """The factor that makes confidence honest: the smallest log loss on messages of voices left out."""

    def loss(factor: float) -> float:
        chances = softmax(scores * factor)[np.arange(len(answers)), answers]
        return float(-np.log(chances + 1e-9).mean())

    return min((float(f) for f in np.geomspace(1, 60, 80)), key=loss)
