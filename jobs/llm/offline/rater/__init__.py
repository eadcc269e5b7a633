"""The offline rater: rules and word lists of its own; it shares jobs.domain alone."""

from jobs.llm.offline.rater.answering import reply

__all__ = ["reply"]
