"""What everything above the engine talks to: a model that answers, here or over HTTP.

All calls of a `Backend` are built on one primitive, `Backend.request`, whose answer is a `Stream`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from oaikit._body import WHOLE_CONTEXT, Messages, Prompt, Route, chat_body, completion_body
from oaikit._json import plain
from oaikit._stream import Stream, ToolStream
from oaikit._texts import ROUNDS, Texts
from oaikit.errors import InvalidRequestError
from oaikit.reply import AnswerForm, Reply
from oaikit.sampling import BOTH, CHAT, COMPLETIONS

if TYPE_CHECKING:
    from oaikit.tools.functions import Functions
    from oaikit.tools.loop import Approve, ChatLoop

# vLLM computes these whole: asking for a stream is an error.
_NOT_STREAMED: Final = ("use_beam_search", "best_of")


class Backend(Texts):
    """A model that answers chats and completions.

    Sampling parameters are passed by vLLM's own names (``temperature=0.2, max_tokens=64, top_k=20, …``). The server
    decides on what is not given; its ``max_tokens`` may be as low as 16. A name that is not in docs/parameters.md is
    refused before anything is sent; ``extra_body={"name": value}`` sends parameters of other servers unchecked. Every
    call raises the `OAIKitError` that the server's answer stands for.
    """

    @property
    @abstractmethod
    def model(self) -> str:
        """The model that is asked unless a call names another."""

    @property
    def is_vllm(self) -> bool:
        """Whether it is known to be vLLM, which takes more parameters than other servers."""
        return True

    def context_length(self, model: str | None = None) -> int | None:
        """The tokens that a prompt and its answer can have together; None where the server does not say.

        Args:
            model: The model, if not the backend's own.
        """
        return None

    @abstractmethod
    def request(self, endpoint: Route, body: Mapping[str, Any], *, abort: str | None = None) -> Stream:
        """Send a request. All other calls are built on this one, which each kind of backend supplies.

        Args:
            endpoint: The path below ``v1/``: ``"chat/completions"``, ``"completions"``, ``"embeddings"`` or
                ``"rerank"``; or ``"tokenize"`` or ``"detokenize"``, which stand beside ``v1/``. The answers of the last
                four come whole.
            body: The JSON object to send. Without ``model`` it is for `model`; without ``stream`` the answer is
                streamed where vLLM can do so.
            abort: A name for the request, by which ``oaikit/api/abort`` ends it from elsewhere.

        Returns:
            The answer on its way.

        Raises:
            InvalidRequestError: A value has no form in JSON. Numpy's numbers and arrays, pydantic models, dataclasses
                and integer keys have one.
        """

    def chat(
        self,
        messages: Messages,
        *,
        schema: Any = None,
        tools: Any = None,
        max_rounds: int | None = None,
        approve: Approve | None = None,
        images: Any = (),
        **sampling: Any,
    ) -> Reply:
        """Answer a chat: ``llm.chat("Why is the sky blue?", max_tokens=200)``.

        With ``schema`` or functions as ``tools``, ``max_tokens`` is what the context leaves unless it is given: half of
        an object is none.

        Args:
            messages: A user's message, or a list of OpenAI messages.
            schema: What the answer must be like: a pydantic model, a dataclass, any type that pydantic can check, or a
                JSON schema (dict). `Reply.parsed` is then the object.
            tools: Python functions and MCP servers (`oaikit.mcp`) that the model may call. Calls are run, and the model
                is asked again, until it calls nothing more; the last reply is returned, and its ``calls`` are those
                that were run. Or OpenAI's descriptions of tools (dicts), which are only sent.
            max_rounds: Rounds of calls after which the model has to answer; 8 unless given.
            approve: Called before each call with the tool's name and its arguments (dict); the call is run if it
                returns true. Without it all calls are run.
            images: An image, or a list of them, for the last message: a path, the bytes of a file, a PIL image, an
                array, or a URL.
            **sampling: Sampling parameters by name.

        Raises:
            InvalidRequestError: A name is unknown, or a value makes no sense.
            OAIKitError: What else the server's answer stands for.
        """
        options = {"schema": schema, "tools": tools, "max_rounds": max_rounds, "approve": approve}
        return self.stream(messages, images=images, **options, **sampling).wait()

    def complete(self, prompt: Prompt, **sampling: Any) -> Reply:
        """Continue a text, or a list of token ids."""
        return self.stream_completion(prompt, **sampling).wait()

    def stream(
        self,
        messages: Messages,
        *,
        schema: Any = None,
        tools: Any = None,
        max_rounds: int | None = None,
        approve: Approve | None = None,
        images: Any = (),
        **sampling: Any,
    ) -> Stream:
        """Answer a chat piece by piece: ``for delta in llm.stream("Count to ten"): ...``.

        The arguments are those of `chat`. With functions as ``tools`` the pieces are those of all answers, one after
        the other, and `Stream.reply` is the last.
        """
        functions = _functions(tools)
        if functions is not None:
            loop = self._chat_loop(messages, functions, schema, max_rounds, approve, images, sampling)
            return ToolStream(loop.reply, ROUNDS)
        for name, value in (("max_rounds", max_rounds), ("approve", approve)):
            if value is not None:
                raise InvalidRequestError(f"`{name}` needs functions as tools=[…]", param=name)
        if tools is not None:
            sampling["tools"] = tools
        form = None if schema is None else _form(schema, sampling)
        stream = self.request(CHAT, chat_body(messages, sampling, images))
        stream.reply.form = form
        return stream

    def stream_completion(self, prompt: Prompt, **sampling: Any) -> Stream:
        """Continue a text piece by piece."""
        return self.request(COMPLETIONS, completion_body(prompt, sampling))

    async def achat(
        self,
        messages: Messages,
        *,
        schema: Any = None,
        tools: Any = None,
        max_rounds: int | None = None,
        approve: Approve | None = None,
        images: Any = (),
        **sampling: Any,
    ) -> Reply:
        """`chat`, awaited."""
        options = {"schema": schema, "tools": tools, "max_rounds": max_rounds, "approve": approve}
        return await self.stream(messages, images=images, **options, **sampling).await_()

    async def acomplete(self, prompt: Prompt, **sampling: Any) -> Reply:
        """`complete`, awaited."""
        return await self.stream_completion(prompt, **sampling).await_()

    def astream(self, messages: Messages, **options: Any) -> Stream:
        """`stream`, for ``async for``."""
        return self.stream(messages, **options)

    def _chat_loop(
        self,
        messages: Messages,
        functions: Functions,
        schema: Any,
        max_rounds: int | None,
        approve: Approve | None,
        images: Any,
        sampling: dict[str, Any],
    ) -> ChatLoop:
        """The loop of tool calls. The form of the answer, if there is one, comes when the calls are over."""
        from oaikit.tools.loop import MOST_ROUNDS, ChatLoop

        rounds = MOST_ROUNDS if max_rounds is None else max_rounds
        if rounds < 1:
            raise InvalidRequestError(f"`max_rounds` is at least 1, not {rounds}", param="max_rounds")
        sampling.setdefault("max_tokens", WHOLE_CONTEXT)
        form: AnswerForm | None = None
        final: dict[str, Any] = {}
        if schema is not None:
            form = _form(schema, final)

        def ask(body: Mapping[str, Any]) -> Stream:
            stream = self.request(CHAT, body)
            stream.reply.form = form
            return stream

        body = chat_body(messages, sampling, images)
        return ChatLoop(
            ask, body, functions, rounds, strict=self.is_vllm, approve=approve, final=final or None
        )


def _functions(tools: Any) -> Functions | None:
    """What of a call's ``tools`` is to be run; None if they are OpenAI's descriptions, or there are none.

    Raises:
        InvalidRequestError: They are both, or neither.
    """
    if tools is None or (
        isinstance(tools, list | tuple) and all(isinstance(each, Mapping) for each in tools)
    ):
        return None
    from oaikit.tools.functions import Functions

    return Functions([tools] if callable(tools) or hasattr(tools, "functions") else tools)


def _form(schema: Any, sampling: dict[str, Any]) -> AnswerForm:
    """The form of the answer, and in ``sampling`` what asks for it.

    Raises:
        InvalidRequestError: It has no JSON schema, or another form is asked for too.
    """
    from oaikit.schema import Schema

    for name in ("response_format", "structured_outputs"):
        if sampling.get(name) is not None:
            raise InvalidRequestError(f"`schema` does not go with `{name}`: give one of them", param="schema")
    form = schema if isinstance(schema, Schema) else Schema(schema)
    sampling["response_format"] = form.response_format()
    if "max_completion_tokens" not in sampling:
        sampling.setdefault("max_tokens", WHOLE_CONTEXT)
    return form


def prepared(endpoint: Route, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as `Backend.request` sends it: in JSON's own types, and for a stream where vLLM can stream.

    Raises:
        InvalidRequestError: A value has no form in JSON.
    """
    sent = plain(body)
    if endpoint in BOTH and "stream" not in sent:
        options = sent.pop("stream_options", None) or {}
        if not any(sent.get(name) for name in _NOT_STREAMED):
            sent |= {"stream": True, "stream_options": {"include_usage": True, **options}}
    return sent
