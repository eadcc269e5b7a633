"""Tables of a config that go to a library as they are, checked against the library's own fields.

The fields are read from the library's source, so that no job imports torch to check a config.
"""

import ast
import difflib
import functools
import importlib.util
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jobs.domain.errors import SettingsError


@functools.cache
def class_fields(package: str, module: str, name: str) -> frozenset[str]:
    """Annotated names in the body of a class of an installed package. Raises ImportError."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed")
    source = Path(spec.origin).parent / module
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return frozenset(
                entry.target.id
                for entry in node.body
                if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name)
            )
    raise ImportError(f"{package} has no class {name} in {module}")


def check_passthrough(
    table: Mapping[str, Any], section: str, *, known: Collection[str], ours: Collection[str]
) -> None:
    """Raise SettingsError for a key the library does not have, or that the job sets itself."""
    for key in table:
        if key in ours:
            raise SettingsError(
                f"[{section}] sets {key!r}, which the job sets itself from the config and the "
                f"profile. Remove it."
            )
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else "See the library's documentation."
            raise SettingsError(f"[{section}] has {key!r}, which the library does not know. {hint}")
