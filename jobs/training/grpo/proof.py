"""The proof of a sync: an engine's log-probabilities of a probe, held against the learner's.

The commonest failure of such trainings is an engine that silently samples another policy: the base
alone, or the weights of a step before (verl issue 7495 and others). Losses look fine then.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jobs.domain.errors import StageError

Rows = Sequence[Sequence[float]]  # log-probabilities: rows of tokens


class SyncError(StageError):
    """An engine does not run the policy in training."""


@dataclass(frozen=True)
class Probe:
    """What the learner says of the probe's rows."""

    policy: Rows  # the weights that were synced
    others: Mapping[str, Rows]  # negative controls by name: the base alone, the step before


def distance(one: Rows, other: Rows) -> float:
    """Mean absolute difference over all tokens, in nats. NaN where an engine had no figure.

    >>> distance([[-1.0, -2.0], [-3.0]], [[-1.0, -2.5], [-4.0]])
    0.5
    """
    differences = [
        abs(a - b)
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    ]
    return math.fsum(differences) / len(differences)


def check(engine: str, said: Rows, probe: Probe, tolerance: float) -> float:
    """The engine's distance from the policy, in nats a token.

    Raises SyncError where it is beyond the tolerance, or where a negative control is nearer. A
    control as near to the policy itself as numbers are exact (half the tolerance) proves nothing
    and is left out: before the first step, the step before is the policy.
    """
    found = distance(said, probe.policy)
    for name, rows in probe.others.items():
        apart, there = distance(rows, probe.policy), distance(said, rows)
        if apart > tolerance / 2 and not found < there:
            raise SyncError(
                f"{engine} runs {name}, not the policy in training: its log-probabilities of the "
                f"probe are {there:.4f} nats a token from those of {name} and {found:.4f} from "
                f"the learner's. Nothing was learned from its samples. Look at how it loads "
                f"adapters, then run the same command again."
            )
    if not found <= tolerance:  # also where it is no number
        raise SyncError(
            f"{engine} is {found:.4f} nats a token from the learner on the probe; at most "
            f"{tolerance} is allowed. Precisions that differ, or another base, do this; [rollout] "
            f"tolerance sets the bound."
        )
    return found
