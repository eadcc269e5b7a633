"""Errors that a person can act on: what was found, what was wanted, what to do."""


class HousestyleError(Exception):
    """A job stops with this message alone, without a traceback."""


class SettingsError(HousestyleError):
    """A config or profile asks for something that cannot be."""


class InputError(HousestyleError):
    """A file, table or model that a job reads is missing or malformed."""


class RowError(HousestyleError):
    """One row of a user's file, or one entry of a reply, is not what it should be."""


class PromptError(HousestyleError):
    """A prompt file is missing, malformed or names an unknown placeholder."""


class VerdictError(HousestyleError):
    """A judge's reply is not a verdict."""


class StageError(HousestyleError):
    """A stage cannot start, or its counts do not add up."""
