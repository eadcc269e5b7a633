"""The offline teacher: a seeded writer of brand copy that stands in for a paid language model."""

from jobs.llm.offline.teacher.teacher import Teacher, Written

__all__ = ["Teacher", "Written"]
