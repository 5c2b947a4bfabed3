"""Calls to the action server that fail the whole turn instead of being passed over.

Rasa logs a failed call, drops what the action would have done, and saves the message as handled: the family hears
nothing and no case is opened. Here such a turn is aborted before anything is saved, so the message waits in the inbox
and is handled again. That is safe because actions are idempotent on the message's id.
"""

import asyncio
from typing import Any

import aiohttp
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import ClientResponseError, EndpointConfig

TIMEOUT_SECONDS = 12  # the actions give up by themselves after 8; the caller of the channel waits 25
REJECTED = 400  # an action's regular way to say "not me"


class TurnAborted(BaseException):
    """The turn must not be saved. Not an `Exception`, because Rasa swallows those and goes on."""


class ActionServerDown(TurnAborted):
    """The action server cannot be reached or does not answer: any message would fail now."""


class ActionFailed(TurnAborted):
    """The action server answered with an error to this very message."""


class StrictActionServer(EndpointConfig):
    """Rasa's endpoint of the action server, with errors that reach our channel."""

    @classmethod
    def like(cls, endpoint: EndpointConfig) -> "StrictActionServer":
        strict = cls()
        strict.__dict__.update(endpoint.__dict__)
        return strict

    async def request(self, *args: Any, **kwargs: Any) -> Any | None:
        kwargs["timeout"] = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        if kwargs.get("json") is not None:
            # With `enable_selective_domain` Rasa leaves the domain out; today's rasa-sdk answers 449 without the key.
            kwargs["json"].setdefault("domain", {})
        try:
            return await super().request(*args, **kwargs)
        except ClientResponseError as problem:
            if problem.status == REJECTED:
                raise
            name = (kwargs.get("json") or {}).get("next_action", "?")
            raise ActionFailed(f"action {name} failed with HTTP {problem.status}") from problem
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as problem:
            raise ActionServerDown(f"action server: {type(problem).__name__}") from problem


def check_answers_quickly() -> None:
    """Let Rasa check an action's answer with a validator made once.

    Its own way checks the schema itself anew for every answer, which takes longer than all the rest of a turn.
    """
    validator = Draft202012Validator(RemoteAction.action_response_format_spec())

    def _validate_action_result(self: RemoteAction, result: Any) -> bool:
        problem = best_match(validator.iter_errors(result))
        if problem:
            raise ActionFailed(f"action {self.name()} gave an answer that is not one: {problem.message[:80]}")
        return True

    RemoteAction._validate_action_result = _validate_action_result  # type: ignore[method-assign]
