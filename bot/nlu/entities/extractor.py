"""Rasa component that finds every entity: the learnt spans, the exact patterns and the catalogue names, merged."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.entities import patterns, spoken
from bot.nlu.entities.crf import EntityCrf, Example
from bot.nlu.entities.gazetteer import FILES, Catalogs
from bot.nlu.entities.names import whole_names
from bot.nlu.entities.spans import Span, merge
from bot.nlu.entities.spoken import completed
from bot.nlu.normalizer import pieces

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[3]


def find_all(text: str, crf: EntityCrf, catalogs: Catalogs, catalog_confidence: float) -> list[Span]:
    """One message: learnt spans first, patterns over them, catalogue names where neither speaks."""
    tokens = pieces(text)
    named = [
        Span(entity, tokens[first].start, tokens[after - 1].end, catalog_confidence * sure, "catalog")
        for entity, first, after, sure in catalogs.named([t.text for t in tokens])
    ]
    learnt = list(crf.find(text, catalogs))
    formed = completed(learnt, [*patterns.find(text), *spoken.find(text)])
    return whole_names(text, merge([*learnt, *formed, *named]))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class EntityFinder(GraphComponent, EntityExtractorMixin):
    """CRF, patterns and catalogues in one step, so that overlaps are settled in one place."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``catalogs``: folder, from the project's root; the rest are crfsuite's own parameters."""
        return {
            "catalogs": "data/catalogs", "algorithm": "ap", "max_iterations": 8, "c1": 0.05, "c2": 0.05,
            "outside": 0.8, "catalog_confidence": 0.3,
        }  # fmt: skip

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Refuse what cannot work, by name."""
        if config.get("algorithm", "lbfgs") not in {"lbfgs", "l2sgd", "ap", "pa", "arow"}:
            raise InvalidConfigException("EntityFinder: 'algorithm' must be one of lbfgs, l2sgd, ap, pa, arow.")
        for key in ("c1", "c2", "outside", "catalog_confidence"):
            if float(config.get(key, 0)) < 0:
                raise InvalidConfigException(f"EntityFinder: '{key}' must be 0 or more.")
        if int(config.get("max_iterations", 1)) < 1:
            raise InvalidConfigException("EntityFinder: 'max_iterations' must be 1 or more.")

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource, crf: EntityCrf | None = None
    ) -> None:
        """Use ``create`` or ``load``."""
        self._config, self._model_storage, self._resource = config, model_storage, resource
        self._crf = crf or EntityCrf()
        self._catalogs = Catalogs(_folder(config))
        self._catalogs.refresh()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EntityFinder:
        """Build, untrained."""
        return cls(config, model_storage, resource)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """The catalogues are features in training: a changed file trains anew."""
        folder = _folder({**cls.get_default_config(), **config})
        digest = hashlib.sha256()
        for name in FILES.values():
            path = folder / name
            digest.update(path.read_bytes() if path.exists() else b"-")
        return digest.hexdigest()

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from the annotated messages and store."""
        examples = [
            Example(m.get(TEXT), tuple((e["entity"], e["start"], e["end"]) for e in m.get(ENTITIES) or []))
            for m in training_data.nlu_examples
            if m.get(TEXT)
        ]
        names = {"lbfgs": ("max_iterations", "c1", "c2"), "l2sgd": ("max_iterations", "c2")}
        algorithm = self._config["algorithm"]
        parameters = {k: self._config[k] for k in names.get(algorithm, ("max_iterations",))}
        parameters |= {"algorithm": algorithm, "outside": self._config["outside"]}
        self._crf = EntityCrf.train(examples, self._catalogs, parameters)
        with self._model_storage.write_to(self._resource) as folder:
            self._crf.save(folder)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> EntityFinder:
        """Read the stored model."""
        try:
            with model_storage.read_from(resource) as folder:
                return cls(config, model_storage, resource, EntityCrf.load(folder, float(config["outside"])))
        except ValueError:
            logger.warning("No stored entity model in '%s': only patterns and catalogues will be found.", resource.name)
            return cls(config, model_storage, resource)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing: the annotations stay as they are."""
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add the entities to each message."""
        self._catalogs.refresh()
        for message in messages:
            text = message.get(TEXT)
            if text:
                found = self.add_extractor_name(self._entities(text))
                message.set(ENTITIES, [*(message.get(ENTITIES) or []), *found], add_to_output=True)
        return messages

    def _entities(self, text: str) -> list[dict[str, Any]]:
        return [
            {
                "entity": s.entity, "start": s.start, "end": s.end, "value": text[s.start : s.end],
                "confidence_entity": round(float(s.confidence), 4), "source": s.source,
            }
            for s in find_all(text, self._crf, self._catalogs, float(self._config["catalog_confidence"]))
        ]  # fmt: skip


def _folder(config: dict[str, Any]) -> Path:
    folder = Path(config["catalogs"])
    return folder if folder.is_absolute() else ROOT / folder
