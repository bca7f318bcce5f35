"""What a tuning table asks: its rows of parameters, its prompts, the values for their braces. Nothing here is asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import RESERVED
from oaikit.experiments.design.cells import Design
from oaikit.experiments.design.items import Item
from oaikit.experiments.design.templates import fields_of
from oaikit.experiments.store.keys import digest
from oaikit.sampling import COMPLETIONS, Endpoint, Limits
from oaikit.widgets.tuning.parameters import as_json, check_name, check_row

T = TypeVar("T", "Row", "Prompt")


@dataclass
class Row:
    """A set of parameters: values by name, and what is wrong with them, by name."""

    id: str
    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass
class Prompt:
    """A text or OpenAI messages, with names in braces."""

    id: str
    template: Any


@dataclass(frozen=True)
class Question:
    """A prompt with the values of an item: what each row is asked."""

    prompt: Prompt
    key: str
    item: Item

    @property
    def id(self) -> str:
        """What it is called in the document."""
        return f"{self.prompt.id}.{self.key}"


class State:
    """The rows, prompts and items, each under an id that stays, in their order.

    Parameters: where requests go, the templates, the items by whose data they are filled in, the rows, and parameters
    that are the same for all of these.

    Raises:
        InvalidRequestError: an unknown parameter, a value out of range, no prompt.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        templates: Sequence[Any],
        items: Sequence[Item],
        rows: Iterable[Mapping[str, Any]],
        fixed: Mapping[str, Any],
    ) -> None:
        self._number = itertools.count(1)
        self.endpoint, self.limits = endpoint, Limits()
        self.context: int | None = None  # tokens, once it is known
        self.prompts = [Prompt(self._id("p"), template) for template in templates]
        self.items = {self._id("i"): replace(item, data=_present(item.data)) for item in items}
        self.fixed: dict[str, Any] = {}
        self.rows: list[Row] = []
        self.columns: list[str] = []
        if not self.prompts:
            raise InvalidRequestError("there is nothing to ask: give a prompt", param="prompt")
        self.fixed = self._checked(as_json(fixed))
        for values in rows:
            self.add(values)

    def _id(self, letter: str) -> str:
        return f"{letter}{next(self._number)}"

    # -- rows ------------------------------------------------------------------------------------------------------

    def row(self, id: str) -> Row:
        """A row by its id.

        Raises:
            InvalidRequestError: there is none.
        """
        return _found(self.rows, id, "set", param="row")

    def name_of(self, row: Row) -> str:
        """What a row is called in messages: by its place, from 1."""
        return f"set {self.rows.index(row) + 1}"

    def add(self, values: Mapping[str, Any]) -> Row:
        """Put a row behind the last.

        Raises:
            InvalidRequestError: a value that can't be; no row is added.
        """
        row = Row(self._id("r"), self._checked({**as_json(values)}))
        self.rows.append(row)
        self._show_columns(row.values)
        return row

    def duplicate(self, id: str) -> Row:
        """Put a copy of a row, wrong values included, behind it."""
        row = self.row(id)
        copy = Row(self._id("r"), dict(row.values), dict(row.errors))
        self.rows.insert(self.rows.index(row) + 1, copy)
        return copy

    def remove(self, id: str) -> None:
        """Take a row away."""
        self.rows.remove(self.row(id))

    def move(self, id: str, to: int) -> None:
        """Give a row another place, counted from 0."""
        row = self.row(id)
        self.rows.remove(row)
        self.rows.insert(max(0, to), row)

    def enter(self, id: str, name: str, value: Any) -> None:
        """Take a value as it was typed, also a wrong one, which is then among the row's errors; None unsets it."""
        row = self.row(id)
        self._check_name(name)
        values = {key: each for key, each in {**row.values, name: value}.items() if each is not None}
        row.values, row.errors = check_row(self.endpoint, values, self.fixed, self.limits)
        self._show_columns([name])

    def set(self, id: str, values: Mapping[str, Any]) -> None:
        """Set several values of a row at once; None unsets.

        Raises:
            InvalidRequestError: a value that can't be; the old ones stay.
        """
        row = self.row(id)
        merged = {name: each for name, each in {**row.values, **values}.items() if each is not None}
        row.values, row.errors = self._checked(as_json(merged)), {}
        self._show_columns(row.values)

    def add_column(self, name: str) -> None:
        """Show a parameter, or a place of the prompts, as a column.

        Raises:
            InvalidRequestError: there is no such parameter.
        """
        self._check_name(name)
        self._show_columns([name])

    def remove_column(self, name: str) -> None:
        """Take a column away, and its values out of all rows."""
        self.columns = [each for each in self.columns if each != name]
        for row in self.rows:
            row.values.pop(name, None)
        self.check_all()

    def check_all(self) -> None:
        """Check all rows anew, as after the limits have become known."""
        for row in self.rows:
            row.values, row.errors = check_row(self.endpoint, row.values, self.fixed, self.limits)

    def _checked(self, values: dict[str, Any]) -> dict[str, Any]:
        for name in values:
            self._check_name(name)
        given, errors = check_row(self.endpoint, values, self.fixed, self.limits)
        for name, said in errors.items():
            raise InvalidRequestError(said, param=name)
        return given

    def _check_name(self, name: str) -> None:
        check_name(self.endpoint, name, self.places())
        if name in self._data():
            raise InvalidRequestError(f"{name!r} is among the values for the prompts already", param=name)

    def _show_columns(self, names: Iterable[str]) -> None:
        self.columns += [name for name in names if name not in self.columns]

    # -- prompts and items -----------------------------------------------------------------------------------------

    def prompt(self, id: str) -> Prompt:
        """A prompt by its id.

        Raises:
            InvalidRequestError: there is none.
        """
        return _found(self.prompts, id, "prompt", param="prompt")

    def set_prompt(self, id: str, text: str) -> None:
        """Give a prompt another text."""
        self.prompt(id).template = text

    def add_prompt(self, text: str = "") -> Prompt:
        """Put a prompt behind the others.

        Raises:
            InvalidRequestError: the table asks a conversation.
        """
        if not isinstance(self.prompts[0].template, str):
            raise InvalidRequestError("a table that asks a conversation asks no other", param="prompt")
        self.prompts.append(Prompt(self._id("p"), text))
        return self.prompts[-1]

    def remove_prompt(self, id: str) -> None:
        """Take a prompt away.

        Raises:
            InvalidRequestError: it is the only one.
        """
        if len(self.prompts) == 1:
            raise InvalidRequestError("a table has at least one prompt", param="prompt")
        self.prompts.remove(self.prompt(id))

    def set_variable(self, item: str, name: str, value: Any) -> None:
        """Say what stands for a name in braces; None: nothing yet."""
        old = self._item(item)
        self.items[item] = replace(old, data=_present({**old.data, name: value}))

    def add_item(self) -> None:
        """Another item, which has no values yet."""
        numbers = [item.id for item in self.items.values() if isinstance(item.id, int)]
        self.items[self._id("i")] = Item(max(numbers, default=-1) + 1)

    def remove_item(self, item: str) -> None:
        """Take an item away.

        Raises:
            InvalidRequestError: it is the only one.
        """
        self._item(item)
        if len(self.items) == 1:
            raise InvalidRequestError("a table has at least one set of values for its prompts", param="data")
        del self.items[item]

    def places(self) -> list[str]:
        """The names in the prompts' braces, as far as these make sense."""
        found: dict[str, None] = {}
        for prompt in self.prompts:
            try:
                found |= dict.fromkeys(fields_of(prompt.template))
            except InvalidRequestError:
                continue  # it is among the errors
        return list(found)

    def variables(self) -> list[str]:
        """The names that items have a value for, or need one."""
        data = self._data()
        elsewhere = {*self.columns, *self.fixed} - set(data)
        places = [name for name in self.places() if name not in elsewhere]
        return [name for name in dict.fromkeys([*data, *places]) if name not in RESERVED]

    def _data(self) -> list[str]:
        """The names that an item has a value for."""
        known = [
            name for item in self.items.values() for name, value in item.data.items() if value is not None
        ]
        return list(dict.fromkeys(known))

    def _item(self, key: str) -> Item:
        if key not in self.items:
            raise InvalidRequestError("this table has no such values any more", param="data")
        return self.items[key]

    # -- what is asked ---------------------------------------------------------------------------------------------

    def questions(self) -> list[Question]:
        """Each prompt with each item."""
        return [Question(prompt, key, item) for prompt in self.prompts for key, item in self.items.items()]

    def prompt_error(self, prompt: Prompt) -> str | None:
        """What keeps a prompt from being asked, if anything."""
        if not prompt.template:
            return "the prompt is empty"
        try:
            names = fields_of(prompt.template)
        except InvalidRequestError as exc:
            return exc.message
        for name in names:
            if name in RESERVED:
                return f"{{{name}}} is the name of a column of the results: call it otherwise"
        for item, row in itertools.product(self.items.values(), self.rows):
            known = {**self.fixed, **row.values, **item.data}
            if missing := [name for name in names if known.get(name) is None]:
                return (
                    f"{{{missing[0]}}} has no value (braces that are meant as such are written {{{{ and }}}})"
                )
        return None

    def problem(self, row: Row) -> str | None:
        """What keeps a row from being run, if anything."""
        for said in row.errors.values():
            return f"{self.name_of(row)}: {said}"
        errors = (self.prompt_error(prompt) for prompt in self.prompts)
        return next((error for error in errors if error), None)

    def body(self, row: Row, question: Question) -> dict[str, Any]:
        """The request of a row about a question that has no `problem`."""
        design = Design(
            points=[row.values],
            items=[question.item],
            template=question.prompt.template,
            endpoint=self.endpoint,
            n=1,
            seed=None,
            mode="latency",
            fixed={name: each for name, each in self.fixed.items() if name not in row.values},
        )
        body = design.body(row.values, question.item)
        if self.context is not None:
            body.setdefault("max_tokens", self.context)  # the server cuts it to what is left
        return body

    def asked(self, row: Row, question: Question) -> str | None:
        """Equal for what is the same request; None where there is none."""
        try:
            return None if self.problem(row) else digest(self.body(row, question))
        except InvalidRequestError:  # a value that does not go into its format
            return None

    def titles(self) -> Iterator[tuple[Question, str]]:
        """The questions with their titles: "" where there is one."""
        several = len(self.prompts) > 1, len(self.items) > 1
        for question in self.questions():
            place = self.prompts.index(question.prompt) + 1
            parts = [
                f"prompt {place}" if several[0] else "",
                f"item {question.item.id}" if several[1] else "",
            ]
            yield question, " · ".join(part for part in parts if part)

    # -- the document ----------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        """Its part of the document (frontend/README.md)."""
        variables = self.variables()
        return {
            "completion": self.endpoint == COMPLETIONS,
            "fixed": dict(self.fixed),
            "rows": [
                {"id": row.id, "values": dict(row.values), "errors": dict(row.errors)} for row in self.rows
            ],
            "columns": list(self.columns),
            "prompts": [
                {
                    "id": prompt.id,
                    "text": prompt.template
                    if isinstance(prompt.template, str)
                    else _as_text(prompt.template),
                    "editable": isinstance(prompt.template, str),
                    "error": self.prompt_error(prompt),
                }
                for prompt in self.prompts
            ],
            "items": [
                {"id": key, "name": str(item.id), "values": {name: _shown(item, name) for name in variables}}
                for key, item in self.items.items()
            ],
            "variables": variables,
            "questions": [{"id": question.id, "title": title} for question, title in self.titles()],
        }


def _found(among: Iterable[T], id: str, what: str, *, param: str) -> T:
    for each in among:
        if each.id == id:
            return each
    raise InvalidRequestError(f"this table has no {what} {id!r} any more", param=param)


def _present(data: Mapping[str, Any]) -> dict[str, Any]:
    """Data without None and pandas' missing values: nan is the value that differs from itself."""
    return {
        name: value
        for name, value in data.items()
        if value is not None and not (isinstance(value, float) and value != value)
    }


def _as_text(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n\n".join(f"{message.get('role')}: {message.get('content')}" for message in messages)


def _shown(item: Item, name: str) -> str | None:
    value = item.data.get(name)
    return None if value is None else str(value)
