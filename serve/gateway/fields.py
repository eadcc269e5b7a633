"""From a pydantic error to ours: which field, and what it wants instead.

What a field wants is its description, so it stands once: beside the field, in the answer to a
wrong one and in /openapi.json.
"""

import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from serve.gateway import errors
from serve.gateway.errors import ApiError, Kind

SHOWABLE = re.compile(r"[a-z][a-z0-9_]{0,39}")  # a name that holds no sentence of the client's

KINDS = {  # pydantic's type of error, without what follows the last known word
    "missing": errors.MISSING_FIELD,
    "extra_forbidden": errors.UNKNOWN_FIELD,
    "literal_error": errors.WRONG_VALUE,
    "string_pattern_mismatch": errors.WRONG_VALUE,
    "string_too_long": errors.TEXT_TOO_LONG,
    "string_too_short": errors.TEXT_TOO_SHORT,
    "too_long": errors.ARRAY_TOO_LONG,
    "too_short": errors.ARRAY_TOO_SHORT,
}
BOUNDS = {
    "greater_than": (errors.INTEGER_BELOW, errors.DECIMAL_BELOW),
    "greater_than_equal": (errors.INTEGER_BELOW, errors.DECIMAL_BELOW),
    "less_than": (errors.INTEGER_ABOVE, errors.DECIMAL_ABOVE),
    "less_than_equal": (errors.INTEGER_ABOVE, errors.DECIMAL_ABOVE),
}


def refusal(model: type[BaseModel], error: ValidationError) -> ApiError:
    """One of the errors as the client is told it; the value itself is never in it.

    The deepest, and a wrong value before a wrong type: where a union has a branch for texts and one
    for arrays, the text's complaint about an array stands beside that about its third element.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    first = max(found, key=lambda each: depth_of(model, each))
    param, field = locate(model, first["loc"])
    kind = kind_of(first, field)
    if kind is errors.UNKNOWN_FIELD:
        return unknown(str(first["loc"][-1]), param)
    wanted = (field and field.description) or "a body as in the documentation"
    return ApiError(kind, param=param, wanted=wanted)


def depth_of(model: type[BaseModel], found: ErrorDetails) -> tuple[int, bool]:
    """How deep in the body an error lies, and whether it is about more than a type."""
    path, _ = locate(model, found["loc"])
    return path.count(".") + path.count("["), not found["type"].endswith("_type")


def unknown(name: str, inside: str = "") -> ApiError:
    """A field that no request has; it is named where the name is one and not a text."""
    if not SHOWABLE.fullmatch(name):
        return ApiError(errors.UNKNOWN_FIELD, param=inside or None, name="with an odd name")
    path = f"{inside}.{name}" if inside else name
    return ApiError(errors.UNKNOWN_FIELD, param=path, name=f"'{path}'")


def kind_of(found: ErrorDetails, field: FieldInfo | None) -> Kind:
    """The table's row for what pydantic says."""
    if found["type"] in BOUNDS:
        integer, decimal = BOUNDS[found["type"]]
        return decimal if field and float in plain_types(field.annotation) else integer
    return KINDS.get(found["type"], errors.WRONG_TYPE)


def locate(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, FieldInfo | None]:
    """`messages[3].role` and its field, from pydantic's location.

    Only names of declared fields and positions are taken: pydantic also lists the branches of a
    union, and the keys of a client's own objects.
    """
    path, field, inside = "", None, [model]
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
            continue
        declared = next((names[part] for names in map(names_of, inside) if part in names), None)
        if declared is not None:
            path += f".{part}" if path else part
            field, inside = declared, models_in(declared.annotation)
    return path, field


def names_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields under the names that clients use."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The request models that a field's type speaks of."""
    return [each for each in plain_types(annotation) if issubclass(each, BaseModel)]


def plain_types(annotation: Any) -> list[type]:
    """The classes in `X | list[Y] | None`, in order."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [found for inner in get_args(annotation) for found in plain_types(inner)]
