"""What tokens cost: configs/prices/models.toml. A price not there is not known, never zero."""

import tomllib
from functools import cache
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from jobs.domain.brand import ROOT
from jobs.domain.errors import SettingsError
from jobs.llm.replies import Usage
from jobs.runtime.config import Section

PRICES = ROOT / "configs" / "prices" / "models.toml"


class Price(Section):
    """US dollars per million tokens of one model."""

    host: str
    model: str
    input: float = Field(ge=0)
    cached_input: float = Field(ge=0, description="of prompt tokens read from the service's cache")
    output: float = Field(ge=0)
    batch: float = Field(default=1.0, gt=0, le=1, description="of these prices, by the batch API")
    read_on: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="date")
    source: str

    def usd(self, usage: Usage, *, batch: bool = False) -> float:
        """What a call costs, or one in a batch.

        >>> price = Price(host="h", model="m", input=2, cached_input=0.5, output=8,
        ...               read_on="2026-01-01", source="s")
        >>> price.usd(Usage(prompt_tokens=1000, cached_tokens=400, completion_tokens=100))
        0.0022
        """
        fresh = usage.prompt_tokens - usage.cached_tokens
        parts = (
            fresh * self.input,
            usage.cached_tokens * self.cached_input,
            usage.completion_tokens * self.output,
        )
        return sum(parts) * (self.batch if batch else 1.0) / 1e6


FREE = Price(
    host="offline", model="offline", input=0, cached_input=0, output=0,
    read_on="2026-01-01", source="the embedded stand-in costs nothing",
)  # fmt: skip


@cache
def prices() -> tuple[Price, ...]:
    """Every price there is. Raises SettingsError naming what is wrong in the file."""
    try:
        table = tomllib.loads(PRICES.read_text())
        return tuple(Price(**entry) for entry in table["price"])
    except (tomllib.TOMLDecodeError, KeyError, ValidationError) as error:
        raise SettingsError(
            f"configs/prices/models.toml cannot be read: {error}. Each [[price]] has "
            f"{', '.join(Price.model_fields)}."
        ) from error


def price_of(base_url: str, model: str) -> Price | None:
    """The model's price at this address; None where it is not known."""
    host = urlsplit(base_url).hostname or ""
    for price in prices():
        if (price.host, price.model) == (host, model):
            return price
    return None
