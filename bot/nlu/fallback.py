"""Says "I did not understand" when the surest meaning is not sure enough."""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.clauses import SECOND_INTENT


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class HonestFallback(GraphComponent, IntentClassifier):
    """Puts ``nlu_fallback`` first below a threshold chosen on voices left out of training.

    The two most likely meanings stay right behind it in the ranking, for the question that offers them. A message
    whose two halves are each sure is understood, though the whole, being about both, looks doubtful.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """There must be something to doubt."""
        return [IntentClassifier]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """``threshold``: below it we ask; ``thresholds``: others for single intents; ``margin``: to the second."""
        return {"threshold": 0.5, "thresholds": {}, "margin": 0.0}

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Refuse what cannot work, by name."""
        values = {"threshold": config.get("threshold", 0.5), "margin": config.get("margin", 0.0)}
        for name, value in {**values, **(config.get("thresholds") or {})}.items():
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise InvalidConfigException(f"HonestFallback: '{name}' must lie between 0 and 1, not {value!r}.")

    def __init__(self, config: dict[str, Any]) -> None:
        """Use ``create``."""
        self._config = config

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> HonestFallback:
        """Build from the configuration."""
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        """Doubt what is doubtful."""
        for message in messages:
            ranking = message.get(INTENT_RANKING_KEY) or []
            if message.get(SECOND_INTENT) or self._sure(message.get(INTENT) or {}, ranking):
                continue
            doubt = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": float(self._config["threshold"])}
            message.set(INTENT, doubt, add_to_output=True)
            message.set(INTENT_RANKING_KEY, [doubt, *ranking], add_to_output=True)
        return messages

    def _sure(self, intent: dict[str, Any], ranking: list[dict[str, Any]]) -> bool:
        confidence = float(intent.get("confidence") or 0.0)
        needed = (self._config["thresholds"] or {}).get(intent.get("name"), self._config["threshold"])
        second = float(ranking[1]["confidence"]) if len(ranking) > 1 else 0.0
        return confidence >= needed and confidence - second >= self._config["margin"]
