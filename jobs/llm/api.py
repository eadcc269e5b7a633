"""Settings of one API account, as the teacher's and the judge's sections have them."""

import os

from pydantic import Field

from jobs.domain.errors import SettingsError
from jobs.runtime.config import Section

OFFLINE = "offline"


class Api(Section):
    """An OpenAI-compatible endpoint. `base_url = "offline"` is the embedded stand-in."""

    base_url: str = OFFLINE
    model: str = "offline"
    api_key_env: str = Field(default="", description="name of the variable that holds the key")
    temperature: float = Field(default=0.0, ge=0)
    max_tokens: int = Field(default=1024, ge=1)
    timeout_s: float = Field(default=60.0, gt=0, description="of one attempt")
    attempts: int = Field(default=5, ge=1)
    usd_per_mtok_in: float | None = Field(default=None, ge=0, description="price of the input")
    usd_per_mtok_out: float | None = Field(default=None, ge=0, description="price of the output")

    @property
    def is_offline(self) -> bool:
        """True for the embedded stand-in."""
        return self.base_url == OFFLINE

    def usd(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """What the tokens cost; None where a price is not known."""
        if self.is_offline:
            return 0.0
        if self.usd_per_mtok_in is None or self.usd_per_mtok_out is None:
            return None
        into, out = self.usd_per_mtok_in, self.usd_per_mtok_out
        return (prompt_tokens * into + completion_tokens * out) / 1e6


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
