"""Settings of one API account, as the teacher's and the judge's sections have them."""

import os
from typing import Any

from pydantic import Field, model_validator

from jobs.domain.errors import SettingsError
from jobs.domain.text import fingerprint
from jobs.llm.limits import Limits
from jobs.llm.prices import FREE, Price, price_of
from jobs.runtime.config import Section

OFFLINE = "offline"


class Batch(Section):
    """How calls are cut into batches, and how often one is looked after."""

    rows: int = Field(default=20_000, ge=1, le=50_000, description="calls in one, at most")
    mib: float = Field(default=90.0, gt=0, le=200, description="of one, at most")
    poll_s: float = Field(default=30.0, gt=0)


class Api(Section):
    """An OpenAI-compatible endpoint. `base_url = "offline"` is the embedded stand-in.

    What shapes no reply (time-outs, attempts, limits) may be changed on a finished stage.
    """

    base_url: str = OFFLINE
    model: str = "offline"
    api_key_env: str = Field(default="", description="name of the variable that holds the key")
    temperature: float = Field(default=0.0, ge=0)
    max_tokens: int = Field(default=1024, ge=1)
    extra: dict[str, Any] = Field(default_factory=dict, description="more of the request's body")
    timeout_s: float = Field(default=60.0, gt=0, exclude=True, description="of one attempt")
    row_timeout_s: float = Field(
        default=900.0, gt=0, exclude=True, description="of all attempts and waits between them"
    )
    attempts: int = Field(default=5, ge=1, exclude=True)
    limits: Limits = Field(default=Limits(), exclude=True)
    batch: Batch | None = Field(
        default=None, exclude=True, description="send by the provider's batch API; none: call"
    )

    @model_validator(mode="after")
    def a_batch_has_a_provider(self) -> "Api":
        """The offline stand-in has no batch API."""
        if self.batch and self.is_offline:
            raise ValueError(
                "[batch] is set, and the offline stand-in has no batch API; take it out"
            )
        return self

    @property
    def is_offline(self) -> bool:
        """True for the embedded stand-in."""
        return self.base_url == OFFLINE

    @property
    def price(self) -> Price | None:
        """What tokens cost; None where it is not known."""
        return FREE if self.is_offline else price_of(self.base_url, self.model)

    @property
    def account(self) -> str:
        """Names who pays, by address and key; the key cannot be had from it."""
        return fingerprint("account", self.base_url, api_key(self))


def api_key(api: Api) -> str:
    """The key from its variable. Raises SettingsError where the variable is named but not set."""
    if api.is_offline or not api.api_key_env:
        return "none"
    key = os.environ.get(api.api_key_env, "")
    if not key:
        raise SettingsError(
            f"the environment has no {api.api_key_env}, which {api.base_url} needs. Export it, and "
            f"pass it to a cluster by ray job submit --runtime-env-json "
            f'\'{{"env_vars": {{"{api.api_key_env}": "..."}}}}\'.'
        )
    return key
