"""How the provider behaves towards every request, and its seeded dice."""

import math
import random
from typing import Literal

from pydantic import Field

from jobs.runtime.config import Section


class Manners(Section):
    """The account's limits and the server's mood; the defaults are a perfect provider."""

    latency_s: float = Field(default=0.0, ge=0, description="from request to reply")
    tail: Literal["none", "tenfold", "lognormal"] = Field(
        default="none",
        description="tenfold: one in fifty takes ten times as long; lognormal: of that mean",
    )
    cap: int = Field(default=0, ge=0, description="in flight; more are refused by 429; 0: no cap")
    retry_after_s: int = Field(default=1, ge=0, description="what a refusal asks for")
    failing: float = Field(default=0.0, ge=0, lt=1, description="share of attempts that get a 500")
    limit_headers: bool = Field(default=False, description="send x-ratelimit-*-requests")
    writes_copy: bool = Field(default=False, description="answer briefs with copy that can be kept")
    seed: int = 0


TENFOLD_SHARE = 0.02
SIGMA = 1.0  # of the lognormal: the slowest of a hundred takes six times the mean


class Dice:
    """What chance decides about an attempt: the same for the same seed, body and attempt."""

    def __init__(self, manners: Manners, digest: str, attempt: int) -> None:
        self.manners = manners
        is_certain = manners.tail == "none" and not manners.failing
        self.chance = random.Random("" if is_certain else f"{manners.seed}/{digest}/{attempt}")
        self.fails = self.chance.random() < manners.failing

    def latency_s(self) -> float:
        """How long this attempt takes."""
        mean = self.manners.latency_s
        if self.manners.tail == "tenfold":
            return mean * (10 if self.chance.random() < TENFOLD_SHARE else 1)
        if self.manners.tail == "lognormal" and mean:
            # The mean of a lognormal is exp(mu + sigma^2 / 2).
            return self.chance.lognormvariate(math.log(mean) - SIGMA**2 / 2, SIGMA)
        return mean
