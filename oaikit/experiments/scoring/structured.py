"""Whether an answer is JSON of a certain form."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from oaikit._distribution import missing
from oaikit.errors import InvalidRequestError
from oaikit.experiments.scoring.fingerprint import fingerprint
from oaikit.experiments.scoring.scorer import Row, Scorer, identity_of


def json_schema(form: Any, *, name: str = "json_schema") -> Scorer:
    """1 where the answer is JSON of a form, 0 where not: ``ok.json_schema(Person)``.

    The whole answer has to be JSON, apart from space around it. ``NaN`` and ``Infinity`` are no JSON.

    Args:
        form: a pydantic model, or a JSON schema as a dict.
        name: of the score's column.

    Raises:
        InvalidRequestError: the form is neither, or no JSON schema.
        SettingError: the package that checks JSON schemas is not installed.
    """
    if isinstance(form, Mapping):
        return _of_schema(dict(form), name)
    if isinstance(form, type) and callable(getattr(form, "model_validate_json", None)):
        return _of_model(form, name)
    raise InvalidRequestError(
        f"json_schema takes a pydantic model or a JSON schema (a dict), not {form!r}", param="form"
    )


def _of_model(model: Any, name: str) -> Scorer:
    from pydantic import ValidationError

    described = _described(model.__pydantic_core_schema__)

    def valid(text: str) -> bool:
        try:
            model.model_validate_json(text)
        except ValidationError:
            return False
        return True

    identity = identity_of("json_schema", "model", model.model_json_schema(), described)
    return Scorer(name, (), identity, _scored(valid), "binary")


def _of_schema(schema: dict[str, Any], name: str) -> Scorer:
    try:
        import jsonschema  # type: ignore[import-untyped, unused-ignore]
    except ImportError as exc:
        raise missing("checking answers against a JSON schema needs jsonschema", "experiments") from exc
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        told = json.dumps(schema, sort_keys=True)
    except (jsonschema.SchemaError, TypeError, ValueError) as exc:
        said = getattr(exc, "message", str(exc))
        raise InvalidRequestError(f"this is no JSON schema: {said}", param="form") from exc
    validator = kind(schema)
    # JSON has 1 and 1.0 for one number, and a schema has not: they are told apart by the text.
    identity = identity_of("json_schema", "schema", kind.__name__, told)
    return Scorer(name, (), identity, _scored(validator.is_valid, parsed=True), "binary")


def _scored(valid: Callable[[Any], bool], *, parsed: bool = False) -> Callable[[Row], bool]:
    def score(row: Row) -> bool:
        try:
            value = json.loads(row["text"], parse_constant=_refuse)
        except (ValueError, RecursionError):
            return False
        return valid(value if parsed else row["text"].strip())

    return score


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _described(core: Any) -> Any:
    """What a model checks, as a value to be hashed: its core schema with the code of the functions in it."""
    if isinstance(core, Mapping):
        return {str(name): _described(each) for name, each in core.items()}
    if isinstance(core, list | tuple):
        return [_described(each) for each in core]
    if isinstance(core, type):
        return ["class", core.__module__, core.__qualname__]
    if inspect.ismethod(core):
        return ["method", fingerprint(core.__func__)]
    if core is None or isinstance(core, str | bool | int):
        return [type(core).__name__, core]
    return ["value", fingerprint(core)]
