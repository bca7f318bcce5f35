"""What an answer must be like, and the object that it stands for."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from oaikit.errors import InvalidAnswerError, InvalidRequestError
from oaikit.reply import Reply

FENCED: Final = re.compile(r"^(```+|~~~+)[^\n`]*\n(.*?)(?:^\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
"""A code fence in Markdown; the second group is what it holds."""


class Schema:
    """A form for answers: a JSON schema, or a type whose objects they stand for.

    Args:
        form: A pydantic model, a dataclass, a TypedDict or any other type that pydantic can check; or a JSON schema as
            a dict, whose answers come as JSON's own types.
        name: What the form is called in errors and for the model; by default the type's name.

    Raises:
        InvalidRequestError: It is none of these.
    """

    def __init__(self, form: Any, name: str | None = None) -> None:
        self._form = form
        self.name = name or getattr(form, "__name__", None) or "answer"
        self._adapter: Any = None
        if isinstance(form, dict):
            self.json_schema: dict[str, Any] = form
            return
        if form is None or isinstance(form, str | bytes | int | float | list | tuple | set):
            raise InvalidRequestError(
                f"a schema is a pydantic model, a dataclass or a JSON schema (dict), not {form!r}",
                param="schema",
            )
        from pydantic import PydanticUserError, TypeAdapter
        from pydantic.errors import PydanticSchemaGenerationError

        try:
            self._adapter = TypeAdapter(form)
            self.json_schema = self._adapter.json_schema()
        except (PydanticUserError, PydanticSchemaGenerationError, NameError) as exc:
            raise InvalidRequestError(
                f"{self.name} has no JSON schema: {_first_line(exc)}", param="schema"
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return Schema, (self._form, self.name)

    def response_format(self) -> dict[str, Any]:
        """The request's parameter of that name."""
        name = re.sub(r"[^A-Za-z0-9_-]", "_", self.name)[:64]
        form = {"name": name, "schema": self.json_schema, "strict": True}
        return {"type": "json_schema", "json_schema": form}

    def parse(self, text: str, finish_reason: str | None = None) -> Any:
        """The object that an answer stands for.

        Args:
            text: The answer. A code fence around it is taken off.
            finish_reason: Why it ended, which may be the reason that it does not fit.

        Raises:
            InvalidAnswerError: It stands for none; the message says where it does not fit.
        """
        value = parsed_json(text, finish_reason)
        if self._adapter is None:
            return value
        try:
            return self._adapter.validate_json(unfenced(text))
        except ValueError as exc:  # pydantic's ValidationError
            errors = exc.errors() if hasattr(exc, "errors") else [{"loc": (), "msg": str(exc)}]
            place = ".".join(map(str, errors[0]["loc"]))
            said = f"{place}: {errors[0]['msg']}" if place else errors[0]["msg"]
            raise InvalidAnswerError(f"the answer does not fit {self.name}: {said}") from None

    def parse_all(self, reply: Reply) -> list[Any]:
        """The objects that the choices of a reply stand for.

        Raises:
            InvalidAnswerError: One of them stands for none.
        """
        return [self.parse(choice.text, choice.finish_reason) for choice in reply.choices]


def parsed_json(text: str, finish_reason: str | None = None) -> Any:
    """What an answer says in JSON.

    Raises:
        InvalidAnswerError: It is not JSON.
    """
    try:
        return json.loads(unfenced(text))
    except ValueError as exc:
        cut = " (max_tokens cut it off)" if finish_reason == "length" else ""
        raise InvalidAnswerError(f"the answer is not JSON{cut}: {_first_line(exc)}") from None


def unfenced(text: str) -> str:
    """An answer that is JSON or HTML, without the fence that models like to put around it."""
    match = FENCED.search(text)
    return match[2] if match and not text.lstrip().startswith(("{", "[", "<")) else text.strip()


def _first_line(exc: Exception) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
