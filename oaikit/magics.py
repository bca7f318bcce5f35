"""``%oai`` and ``%%oai``: ask a model from a cell, without Python. ``%load_ext oaikit`` brings them."""

from __future__ import annotations

import argparse
import keyword
import shlex
import sys
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from oaikit._stream import json_or_text
from oaikit.connection import Connection, connect
from oaikit.conversation import Conversation
from oaikit.errors import InvalidAnswerError, InvalidRequestError
from oaikit.magic_text import FORMS, interpolated, show_as
from oaikit.reply import Reply
from oaikit.sampling import CHAT, check_each, parameters
from oaikit.schema import Schema
from oaikit.widgets.stream_view import asked_of, show

_HELP = """\
%oai status                    the engine: model, device, state
%oai models                    the models that the server lists
%oai load NAME [ARG=VALUE …]   load a model in place of the one that is loaded, with vLLM's engine arguments
%oai use NAME                  the model that %%oai asks from now on
%oai reset [NAME]              forget the chat of that name, or all
%oai help                      this
"""
_OWN: Final = ("model", "messages", "stream", "stream_options", "temperature", "max_tokens", "n", "logprobs")
_OPTIONS: Final = ("system", "out", "form", "schema", "chat", "no_interpolate")


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext oaikit`` calls."""
    shell.register_magics(OAIMagics(shell))


# Decorators of IPython without types.
@magics_class  # type: ignore[untyped-decorator, arg-type, unused-ignore]
class OAIMagics(Magics):
    """``%oai`` and ``%%oai``, the model that they ask, and the chats that they keep, by name."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._shell = shell
        self._llm: Connection | None = None
        self.model: str | None = None
        self.chats: dict[str, Conversation] = {}

    # -- %oai --------------------------------------------------------------------------------------------------------

    @no_var_expand  # type: ignore[untyped-decorator, arg-type, unused-ignore]
    @line_magic("oai")  # type: ignore[untyped-decorator, arg-type, unused-ignore]
    def line(self, line: str) -> None:
        """``%oai status|models|load|use|reset|help``."""
        command, *rest = _words(line) or ["help"]
        most = {"status": 0, "models": 0, "load": None, "use": 1, "reset": 1, "help": 0}
        if command not in most:
            raise UsageError(f"%oai has no {command!r}; it has {', '.join(most)}")
        limit = most[command]
        if limit is not None and len(rest) > limit:
            raise UsageError(f"%oai {command} does not take {rest[limit]!r}")
        if command in ("load", "use") and not rest:
            raise UsageError(f"%oai {command} needs the name of a model")
        getattr(self, f"_{command}")(*rest)

    def _status(self) -> None:
        display(self._connection())  # type: ignore[no-untyped-call]

    def _models(self) -> None:
        names = self._connection().models()
        asked = self.model or next(iter(names), None)
        print("\n".join(f"{'*' if name == asked else ' '} {name}" for name in names))

    def _load(self, name: str, *arguments: str) -> None:
        status = self._connection().load(name, **dict(map(_engine_argument, arguments)))
        self.model = None  # the names are others now
        print(f"{name}: {status['state']}")

    def _use(self, name: str) -> None:
        names = self._connection().models()
        if name not in names:
            raise UsageError(f"the server has no model {name!r}; it has {', '.join(names) or 'none'}")
        self.model = name

    def _reset(self, name: str | None = None) -> None:
        if name is None:
            self.chats.clear()
        elif self.chats.pop(name, None) is None:
            raise UsageError(f"there is no chat {name!r}; there are {', '.join(self.chats) or 'none'}")

    def _help(self) -> None:
        print(f"{_HELP}\n{_parser().format_help()}")

    def _connection(self) -> Connection:
        if self._llm is None:
            self._llm = connect()
        return self._llm

    # -- %%oai -------------------------------------------------------------------------------------------------------

    @no_var_expand  # type: ignore[untyped-decorator, arg-type, unused-ignore]
    @cell_magic("oai")  # type: ignore[untyped-decorator, arg-type, unused-ignore]
    def cell(self, line: str, cell: str) -> None:
        """Ask what stands in the cell, and show the answer as it arrives; ``%oai help`` has the options."""
        options, sampling = _parsed(line)
        if options["out"] and (not options["out"].isidentifier() or keyword.iskeyword(options["out"])):
            raise UsageError(f"--out: {options['out']!r} is no name for a variable")
        schema = self._schema(options["schema"], sampling)
        if not cell.strip():
            raise UsageError("there is nothing to ask: the cell is empty")
        conversation = self._asked(options, cell)
        messages = conversation.messages
        body = _checked({"messages": messages, **sampling})
        if model := body.get("model") or self.model:
            body["model"] = model
        del body["messages"]
        asked = asked_of(self._connection(), messages, body)
        replies: list[Reply] = []
        try:
            show([asked], begun=replies.extend)
        except KeyboardInterrupt:
            if replies and replies[0].text:
                self._go_on(options["chat"], conversation, replies[0])
                if schema is None:
                    self._assign(options["out"], replies[0])
            raise
        reply = replies[0]
        self._go_on(options["chat"], conversation, reply)
        try:
            self._assign(options["out"], reply if schema is None else _parsed_answers(schema, reply))
            show_as(options["form"], reply, self._shell)
        except InvalidAnswerError as exc:
            raise UsageError(exc.message) from None

    def _schema(self, name: str | None, sampling: dict[str, Any]) -> Schema | None:
        """What the answer must be like; the request's parameters are told of it."""
        if name is None:
            return None
        if "response_format" in sampling or "structured_outputs" in sampling:
            raise UsageError("--schema does not go with --response-format or --structured-outputs")
        if name not in self._shell.user_ns:
            raise UsageError(f"--schema: there is no variable {name!r}")
        try:
            schema = Schema(self._shell.user_ns[name], name)
        except InvalidRequestError as exc:
            raise UsageError(f"--schema {name}: {exc.message}") from None
        sampling["response_format"] = schema.response_format()
        return schema

    def _asked(self, options: Mapping[str, Any], cell: str) -> Conversation:
        """The conversation with what is asked: a copy, for what fails is not kept."""
        before = self.chats.get(options["chat"]) if options["chat"] else None
        conversation = Conversation.from_json(before.to_json()) if before else Conversation()
        if options["system"] is not None:
            conversation.system = self._text(options, options["system"])
        conversation.add({"role": "user", "content": self._text(options, cell).removesuffix("\n")})
        return conversation

    def _text(self, options: Mapping[str, Any], text: str) -> str:
        if options["no_interpolate"]:
            return text
        hidden = self._shell.user_ns_hidden
        names = {name: value for name, value in self._shell.user_ns.items() if name not in hidden}
        kept = {name: self._shell.user_ns[name] for name in ("In", "Out") if name in self._shell.user_ns}
        filled = interpolated(text, {**names, **kept})
        for note in filled.notes:
            print(f"%%oai: {note} (--no-interpolate leaves all braces alone)", file=sys.stderr)
        return filled.text

    def _go_on(self, chat: str | None, conversation: Conversation, reply: Reply) -> None:
        """Put the answer into the chat that was named."""
        if chat:
            conversation.add({"role": "assistant", "content": reply.text}, model=reply.model)
            self.chats[chat] = conversation

    def _assign(self, name: str | None, value: object) -> None:
        """Set the variable that was named."""
        if name:
            self._shell.user_ns[name] = value


def _parsed_answers(schema: Schema, reply: Reply) -> Any:
    """The object that the answer stands for; of several answers a list of them."""
    found = schema.parse_all(reply)
    return found[0] if len(found) == 1 else found


# -- lines -------------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """One that raises, where argparse's would end the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"%%oai: {message}; see %oai help")


def _parser() -> _Parser:
    others = [name for name in parameters(CHAT) if name not in _OWN]
    parser = _Parser(
        prog="%%oai",
        add_help=False,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%%%%oai [options]\nwhat to ask; {name}, {name.attribute} and {name[index]} are filled in",
        epilog="and --NAME VALUE, for each of the parameters in docs/parameters.md:\n"
        + ", ".join(others).replace(", structured", ",\nstructured"),
    )
    add = parser.add_argument
    add("-m", "--model", help="another model than the default")
    add("-t", "--temperature", metavar="NUMBER", help="how much chance there is, from 0 to 2")
    add("--max-tokens", "--max_tokens", metavar="N", help="of the answer; default: what the context leaves")
    add("-n", "--n", metavar="N", help="how many answers")
    add("--logprobs", nargs="?", const="true", metavar="true|false", help="colour tokens by probability")
    add("--system", metavar="TEXT", default=None, help="system prompt")
    add("--out", metavar="NAME", default=None, help="the variable that gets the reply")
    add("-f", "--format", dest="form", choices=FORMS, default="markdown", help="how the answer is shown")
    add("--schema", metavar="NAME", default=None, help="pydantic model, dataclass or JSON schema")
    add("--chat", metavar="NAME", default=None, help="go on with the chat of that name")
    add("--no-interpolate", action="store_true", default=False, help="fill in nothing")
    for name in others:
        flags = dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}"))
        add(*flags, dest=name, help=argparse.SUPPRESS, **_takes(name))
    return parser


def _takes(name: str) -> dict[str, Any]:
    """A parameter that is true or false may stand without a value."""
    is_flag = parameters(CHAT)[name].type.schema().get("type") == "boolean"
    return {"nargs": "?", "const": "true"} if is_flag else {}


def _parsed(line: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The magic's own options, and the sampling parameters."""
    found = vars(_parser().parse_args(_words(line)))
    options = {name: found.pop(name) for name in _OPTIONS}
    return options, {name: _value(name, text) for name, text in found.items()}


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as exc:
        raise UsageError(f"{exc}: {line.strip()}") from None


def _value(name: str, text: str) -> Any:
    """JSON, or else text; text too where the parameter wants some, as the user whose name is a number."""
    if (value := json_or_text(text)) == text:
        return text
    check = parameters(CHAT)[name].check
    try:
        check(value)
    except InvalidRequestError:
        try:
            return check(text)
        except InvalidRequestError:
            pass
    return value


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The body, each of its values looked at. What its owner allows is the server's to say."""
    try:
        checked = check_each(CHAT, {"model": "the server's", **body}, allowed=parameters(CHAT))
    except InvalidRequestError as exc:
        raise UsageError(str(exc)) from None
    return {name: value for name, value in checked.items() if name in body}


def _engine_argument(word: str) -> tuple[str, Any]:
    name, equals, value = word.partition("=")
    name = name.lstrip("-").replace("-", "_")
    if not equals or not name.isidentifier():
        raise UsageError(f"%oai load takes ARGUMENT=VALUE after the name, not {word!r}")
    return name, json_or_text(value)
