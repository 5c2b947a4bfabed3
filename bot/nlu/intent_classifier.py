"""Rasa component around the intent model."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.clauses import SECOND_INTENT
from bot.nlu.intent_model import IntentModel, Said, Settings
from bot.nlu.sentence_encoder import CUTS
from bot.nlu.voices import voice_of

logger = logging.getLogger(__name__)

NEVER_SECOND = (
    "saludo", "despedida", "agradecimiento", "afirmar", "negar", "informar", "pedir_ayuda", "cancelar", "eres_robot",
    "fuera_de_tema", "urgencia_medica", "crisis_emocional",
)  # fmt: skip


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class VoicesIntentClassifier(GraphComponent, IntentClassifier):
    """Kernel classifier whose confidence is calibrated on voices left out of training."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Weights of the feature families, ``ridge``, how many intents to return (0 = all).

        ``second_threshold``: how sure both halves of a message must be to count as two requests;
        ``never_second``: intents that are no request, and the signs of danger, which are answered alone.
        """
        chosen = Settings()
        letters, words, kinds = chosen.ngrams
        return {
            "letters_weight": letters.weight, "words_weight": words.weight, "kinds_weight": kinds.weight,
            "sentence_weight": chosen.dense_weight, "ridge": chosen.ridge, "ranking_length": 10,
            "second_threshold": 0.9, "never_second": list(NEVER_SECOND),
        }  # fmt: skip

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Refuse what cannot work, by name."""
        if not float(config.get("ridge", 1)) > 0:
            raise InvalidConfigException("VoicesIntentClassifier: 'ridge' must be greater than 0.")
        for key in ("letters_weight", "words_weight", "kinds_weight", "sentence_weight"):
            if float(config.get(key, 0)) < 0:
                raise InvalidConfigException(f"VoicesIntentClassifier: '{key}' must be 0 or more.")
        if not 0 < float(config.get("second_threshold", 1)) <= 1:
            raise InvalidConfigException("VoicesIntentClassifier: 'second_threshold' must lie between 0 and 1.")
        length = config.get("ranking_length", 0)
        if not isinstance(length, int) or length < 0:
            raise InvalidConfigException("VoicesIntentClassifier: 'ranking_length' must be a whole number, 0 or more.")

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, model: IntentModel | None = None
    ) -> None:
        """Use ``create`` or ``load``."""
        self._config, self._model_storage, self._resource, self._model = config, model_storage, resource, model

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> VoicesIntentClassifier:
        """Build, untrained."""
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Learn and store."""
        examples = [m for m in training_data.intent_examples if m.get(TEXT) and m.get(INTENT)]
        if len({m.get(INTENT) for m in examples}) < 2:
            raise InvalidConfigException("VoicesIntentClassifier needs messages of at least two intents to learn from.")
        self._model = IntentModel(settings(self._config)).fit(
            [said(m) for m in examples], [m.get(INTENT) for m in examples], [voice_of(m) for m in examples],
            self._dense(examples),
        )  # fmt: skip
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save(folder)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> VoicesIntentClassifier:
        """Read the stored model."""
        try:
            with model_storage.read_from(resource) as folder:
                return cls(config, model_storage, resource, IntentModel.load(folder))
        except ValueError:
            logger.warning("No stored intent model in '%s': it was never trained.", resource.name)
            return cls(config, model_storage, resource)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing: the right intents of the training messages stay as they are."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Set the intent and the ranking."""
        spoken = [m for m in messages if m.get(TEXT)]
        if self._model is None or not spoken:
            for message in messages:
                message.set(INTENT, {"name": None, "confidence": 0.0}, add_to_output=True)
                message.set(INTENT_RANKING_KEY, [], add_to_output=True)
            return messages
        chances = self._model.probabilities([said(m) for m in spoken], self._dense(spoken))
        for message, row in zip(spoken, chances):
            order = np.argsort(-row)[: self._config["ranking_length"] or None]
            ranking = [{"name": self._model.intents[i], "confidence": float(row[i])} for i in order]
            message.set(INTENT, ranking[0], add_to_output=True)
            message.set(INTENT_RANKING_KEY, ranking, add_to_output=True)
            second = self._second_request(message, ranking[0]["name"])
            if second:
                message.set(SECOND_INTENT, second, add_to_output=True)
        return messages

    def _second_request(self, message: Message, first: str) -> dict[str, Any] | None:
        """The other request of a message that clearly holds two: both halves sure, different, and one the whole's.

        ``start`` and ``end`` say which half of the text it stands in.
        """
        if self._model is None or not self._config["sentence_weight"] or first in self._config["never_second"]:
            return None
        whole = said(message)
        best: dict[str, Any] | None = None
        for end, start, before, after in message.get(CUTS) or []:
            halves = (whole.part(0, end), before), (whole.part(start, len(whole.text)), after)
            rows = [self._model.probabilities([half], vector[None, :])[0] for half, vector in halves]
            names = [self._model.intents[int(row.argmax())] for row in rows]
            sure = float(min(row.max() for row in rows))
            if sure < self._config["second_threshold"] or first not in names or names[0] == names[1]:
                continue
            other, span = (names[1], (start, len(whole.text))) if names[0] == first else (names[0], (0, end))
            if other not in self._config["never_second"] and (best is None or sure > best["confidence"]):
                best = {"name": other, "confidence": sure, "start": span[0], "end": span[1]}
        return best

    def _dense(self, messages: list[Message]) -> np.ndarray | None:
        if not self._config["sentence_weight"]:
            return None
        vectors = [m.get_dense_features(TEXT)[1] for m in messages]
        if any(v is None for v in vectors):
            raise InvalidConfigException(
                "VoicesIntentClassifier: 'sentence_weight' is set but no dense featurizer stands before it."
            )
        return np.vstack([v.features for v in vectors if v is not None])


def said(message: Message) -> Said:
    """The text and its entities: annotated ones in training, found ones in use (the finder stands before us)."""
    found = message.get(ENTITIES) or []
    return Said(message.get(TEXT), tuple((e["entity"], e["start"], e["end"]) for e in found))


def settings(config: dict[str, Any]) -> Settings:
    """The model's settings with the weights of ``config.yml``."""
    chosen = Settings()
    weights = (float(config[f"{family}_weight"]) for family in ("letters", "words", "kinds"))
    ngrams = tuple(replace(n, weight=w) for n, w in zip(chosen.ngrams, weights))
    return Settings(ngrams=ngrams, dense_weight=float(config["sentence_weight"]), ridge=float(config["ridge"]))
