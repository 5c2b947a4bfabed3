"""The linear intent model: what it sees, how it learns, how sure it is. Knows nothing of Rasa."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from bot.nlu.normalizer import phonetic, plain

VIEWS = {"plain": plain, "sound": phonetic}


@dataclass(frozen=True)
class NGrams:
    """One family of n-gram features over one view of the message."""

    view: str
    unit: str
    shortest: int
    longest: int
    weight: float = 1.0
    min_messages: int = 2

    def vectorizer(self) -> TfidfVectorizer:
        """An unfitted vectorizer; 'char' grams stay inside words, word grams run over marks and emoji too."""
        analyzer = {"char": "char_wb", "word": "word"}[self.unit]
        return TfidfVectorizer(
            analyzer=analyzer, ngram_range=(self.shortest, self.longest), min_df=self.min_messages, sublinear_tf=True,
            lowercase=False, token_pattern=r"\S+" if self.unit == "word" else None, dtype=np.float32,
        )  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What was chosen by measurement (docs/decisions/0003-nlu-pipeline.md)."""

    ngrams: tuple[NGrams, ...] = (NGrams("sound", "char", 2, 5), NGrams("sound", "word", 1, 3))
    dense_weight: float = 0.0
    penalty: float = 0.3
    calibration_folds: int = 4
    seed: int = 7


@dataclass
class IntentModel:
    """Fit, score, save, load."""

    settings: Settings = field(default_factory=Settings)
    intents: list[str] = field(default_factory=list)
    temperature: float = 3.0
    vectorizers: list[TfidfVectorizer] = field(default_factory=list)
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None

    # ---- learning

    def fit(
        self, texts: Sequence[str], labels: Sequence[str], voices: Sequence[str], dense: np.ndarray | None = None
    ) -> IntentModel:
        """Learn from labelled messages; the voices say which messages must not vouch for each other."""
        views = self._views(texts)
        answers = np.asarray(labels)
        self.temperature = self._calibrate(views, answers, np.asarray(voices), dense)
        self._fit(views, answers, dense)
        return self

    def _fit(self, views: dict[str, np.ndarray], answers: np.ndarray, dense: np.ndarray | None) -> None:
        self.vectorizers = [n.vectorizer().fit(views[n.view]) for n in self.settings.ngrams]
        classifier = LinearSVC(C=self.settings.penalty, random_state=self.settings.seed)
        classifier.fit(self._features(views, dense), answers)
        self.intents = [str(c) for c in classifier.classes_]
        coefficients, bias = classifier.coef_, classifier.intercept_
        if len(self.intents) == 2:  # sklearn keeps one row for two classes
            coefficients, bias = np.vstack([-coefficients, coefficients]), np.concatenate([-bias, bias])
        self.weights = np.ascontiguousarray(coefficients.T, dtype=np.float32)
        self.bias = bias.astype(np.float32)

    def _calibrate(
        self, views: dict[str, np.ndarray], answers: np.ndarray, voices: np.ndarray, dense: np.ndarray | None
    ) -> float:
        """Temperature that makes confidence honest for voices the model has not met."""
        names = np.unique(voices)
        folds = min(self.settings.calibration_folds, len(names))
        if folds < 2:
            return self.temperature
        order = np.random.RandomState(self.settings.seed).permutation(names)
        margins: list[np.ndarray] = []
        right: list[np.ndarray] = []
        for fold in range(folds):
            out = np.isin(voices, order[fold::folds])
            part = IntentModel(self.settings)
            part._fit({v: t[~out] for v, t in views.items()}, answers[~out], None if dense is None else dense[~out])
            margins.append(part._margins({v: t[out] for v, t in views.items()}, None if dense is None else dense[out]))
            known = {name: i for i, name in enumerate(part.intents)}
            right.append(np.asarray([known.get(a, -1) for a in answers[out]]))
        return best_temperature(margins, right)

    # ---- use

    def probabilities(self, texts: Sequence[str], dense: np.ndarray | None = None) -> np.ndarray:
        """One row of calibrated probabilities a message, in the order of ``intents``."""
        return softmax(self._margins(self._views(texts), dense) * self.temperature)

    def _margins(self, views: dict[str, np.ndarray], dense: np.ndarray | None) -> np.ndarray:
        assert self.weights is not None and self.bias is not None, "fit or load first"
        return np.asarray(self._features(views, dense) @ self.weights + self.bias)

    def _views(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        needed = {n.view for n in self.settings.ngrams}
        return {view: np.asarray([VIEWS[view](t) for t in texts], dtype=object) for view in needed}

    def _features(self, views: dict[str, np.ndarray], dense: np.ndarray | None) -> sp.csr_matrix:
        blocks: list[Any] = [
            v.transform(views[n.view]) * n.weight for n, v in zip(self.settings.ngrams, self.vectorizers)
        ]
        if self.settings.dense_weight and dense is not None:
            blocks.append(sp.csr_matrix(dense * self.settings.dense_weight))
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    # ---- keeping

    def save(self, folder: Path) -> None:
        """Plain JSON and numbers: nothing in it can run code when it is read."""
        assert self.weights is not None and self.bias is not None, "fit first"
        terms = [sorted(v.vocabulary_, key=v.vocabulary_.__getitem__) for v in self.vectorizers]
        description = {
            "settings": asdict(self.settings), "intents": self.intents, "temperature": self.temperature, "terms": terms
        }  # fmt: skip
        (folder / "intent_model.json").write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
        idfs = {f"idf{i}": v.idf_.astype(np.float32) for i, v in enumerate(self.vectorizers)}
        np.savez(folder / "intent_model.npz", weights=self.weights.astype(np.float16), bias=self.bias, **idfs)

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what ``save`` wrote."""
        description = json.loads((folder / "intent_model.json").read_text(encoding="utf-8"))
        stored = description["settings"]
        settings = Settings(**{**stored, "ngrams": tuple(NGrams(**n) for n in stored["ngrams"])})
        model = cls(settings, description["intents"], description["temperature"])
        with np.load(folder / "intent_model.npz", allow_pickle=False) as numbers:
            model.weights, model.bias = numbers["weights"].astype(np.float32), numbers["bias"]
            for i, (ngrams, terms) in enumerate(zip(settings.ngrams, description["terms"])):
                vectorizer = ngrams.vectorizer()
                vectorizer.vocabulary = {term: at for at, term in enumerate(terms)}
                vectorizer.idf_ = numbers[f"idf{i}"]
                model.vectorizers.append(vectorizer)
        return model


def softmax(scores: np.ndarray) -> np.ndarray:
    """Row by row."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def best_temperature(margins: list[np.ndarray], right: list[np.ndarray]) -> float:
    """The factor with the smallest log loss; a message whose intent was not in its fold counts for nothing."""

    def loss(factor: float) -> float:
        total, count = 0.0, 0
        for scores, answers in zip(margins, right):
            known = answers >= 0
            chances = softmax(scores[known] * factor)[np.arange(known.sum()), answers[known]]
            total, count = total - float(np.log(chances + 1e-9).sum()), count + int(known.sum())
        return total / max(count, 1)

    return min((float(f) for f in np.geomspace(0.5, 20, 60)), key=loss)
