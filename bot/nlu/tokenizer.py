"""Tokenizer for WhatsApp Spanish: tokens keep the writer's offsets, features get the normalised word."""

from __future__ import annotations

from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.tokenizers.tokenizer import Token, Tokenizer
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.normalizer import pieces, shorten, strip_accents


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=False)
class MessageTokenizer(Tokenizer):
    """Split into words, codes, emoji and punctuation.

    ``token.text`` is exactly what was written (entities need it); ``token.lemma`` is the folded word, which
    Rasa's own featurizers read when told to use lemmas.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Intents are never split; there is nothing else to configure."""
        return {
            "intent_tokenization_flag": False,
            "intent_split_symbol": "_",
            "token_pattern": None,
            "prefix_separator_symbol": None,
        }

    @staticmethod
    def not_supported_languages() -> list[str]:
        """Languages without spaces between words."""
        return ["zh", "ja", "th"]

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Return the tokens of one attribute; a text without any visible sign is one token."""
        text: str = message.get(attribute)
        found = [Token(p.text, p.start, p.end, lemma=shorten(strip_accents(p.text)) or p.text) for p in pieces(text)]
        return found or [Token(text, 0)]
