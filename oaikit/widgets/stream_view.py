"""``ok.stream(…)``: answers that appear in the cell as they arrive, one or several side by side.

In a script or a terminal they are printed. A notebook that is opened without a kernel shows the final text: beside the
widget stands a static display, which the widget hides while it lives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oaikit._body import chat_body, completion_body
from oaikit.backend import Backend
from oaikit.connection import connect
from oaikit.errors import InvalidRequestError
from oaikit.progress import in_kernel
from oaikit.reply import Reply
from oaikit.sampling import CHAT, COMPLETIONS, Endpoint
from oaikit.widgets.engine_status import status_of
from oaikit.widgets.figures import COUNTED

ALTERNATIVES = 5
"""Of each token, if log-probabilities are asked for and no number is said."""


@dataclass(frozen=True)
class Asked:
    """One answer to be shown: who is asked, where, with what, and the title of its column."""

    llm: Backend
    endpoint: Endpoint
    body: Mapping[str, Any]
    label: str = ""
    prompt: str = ""


def stream(
    prompt: Any,
    llm: Backend | Sequence[Backend] | None = None,
    *,
    completion: bool = False,
    wait: bool = True,
    labels: Sequence[str] | None = None,
    **sampling: Any,
) -> Any:
    """Ask, and show the answer as it arrives: ``reply = ok.stream("Tell me a story", temperature=1.1)``.

    Stop it by interrupting the kernel, by its button, or by `Reply.cancel`; what has come stays.

    Parameters: a user's message or OpenAI messages; or a list of several such, which are asked at once and shown side
    by side. The model (default: `connect`), or a list: each gets the prompt, or each its own of as many prompts.
    ``completion``: the prompts are texts (or token ids) to go on with. ``wait=False`` returns at once, with replies
    that fill. ``labels`` are the titles of the columns. The rest are sampling parameters; ``logprobs=True`` colours the
    tokens by probability; without ``max_tokens`` an answer may take what is left of the context, where that is known.

    Returns:
        A `Reply`, or a list of them for a list.

    Raises:
        InvalidRequestError: there is nothing to ask, there are not as many models, prompts and labels, or there is no
            such parameter.
        OAIKitError: what went wrong with a request, once all have ended.
    """
    several, prompts = _several(prompt, completion=completion)
    models: list[Backend] = [connect()] if llm is None else [llm] if isinstance(llm, Backend) else list(llm)
    several |= not (llm is None or isinstance(llm, Backend))
    asked = [
        asked_of(model, each, sampling, completion=completion, label=label)
        for model, each, label in _columns(models, prompts, labels)
    ]
    replies = show(asked, wait=wait)
    return replies if several else replies[0]


def show(
    asked: Sequence[Asked],
    *,
    wait: bool = True,
    begun: Callable[[list[Reply]], object] = lambda replies: None,
) -> list[Reply]:
    """Ask all at once, and show the answers in the way that fits the place; see `stream`.

    ``begun`` is given the replies before they fill: of an interrupted wait nothing is returned.
    """
    display = _show_in_notebook if _can_show_widgets() else _print
    return display(asked, wait, begun)


# -- what is asked -----------------------------------------------------------------------------------------------------


def _several(prompt: Any, *, completion: bool) -> tuple[bool, list[Any]]:
    """Whether these are several prompts, and the prompts."""
    if isinstance(prompt, str):
        return False, [prompt]
    prompts = list(prompt)
    if not prompts:
        raise InvalidRequestError("there is nothing to ask", param="prompt")
    one = all(isinstance(each, int if completion else Mapping) for each in prompts)
    return (False, [prompts]) if one else (True, prompts)


def _columns(
    models: list[Backend], prompts: list[Any], labels: Sequence[str] | None
) -> list[tuple[Backend, Any, str]]:
    count = max(len(models), len(prompts))
    if not models or len(models) not in (1, count) or len(prompts) not in (1, count):
        raise InvalidRequestError(f"{len(models)} models and {len(prompts)} prompts do not go together")
    if labels is not None and len(labels) != count:
        raise InvalidRequestError(
            f"{count} answers and {len(labels)} labels do not go together", param="labels"
        )
    models = models * (count // len(models))
    names = [model.model for model in models] if len({id(model) for model in models}) > 1 else [""] * count
    return list(zip(models, prompts * (count // len(prompts)), labels or names, strict=True))


def asked_of(
    llm: Backend, prompt: Any, sampling: Mapping[str, Any], *, completion: bool = False, label: str = ""
) -> Asked:
    """What a model is asked: a user's message, OpenAI messages, or a text to go on with; see `stream`."""
    endpoint: Endpoint = COMPLETIONS if completion else CHAT
    body = completion_body(prompt, sampling) if completion else chat_body(prompt, sampling)
    if llm.is_vllm and "stream_options" not in body:
        body["stream_options"] = COUNTED
    context = status_of(llm).get("max_model_len")
    return Asked(llm, endpoint, _completed(endpoint, body, context), label=label, prompt=_shown(prompt))


def _completed(endpoint: Endpoint, body: dict[str, Any], context: int | None) -> dict[str, Any]:
    """The body with what a display asks for besides: room for the answer, and the alternatives to each token."""
    if context is not None and not {"max_tokens", "max_completion_tokens"} & set(body):
        body["max_tokens"] = context  # the server cuts it to what is left
    if endpoint == COMPLETIONS:
        if body.get("logprobs") is True:
            body["logprobs"] = ALTERNATIVES
    elif body.get("logprobs"):
        body.setdefault("top_logprobs", ALTERNATIVES)
    return body


def _shown(prompt: Any) -> str:
    """A prompt above its column."""
    if isinstance(prompt, str):
        return prompt
    said = [
        each.get("content") for each in prompt if isinstance(each, Mapping) and each.get("role") == "user"
    ]
    return said[-1] if said and isinstance(said[-1], str) else ""


# -- in a notebook -----------------------------------------------------------------------------------------------------


def _can_show_widgets() -> bool:
    if not in_kernel():
        return False
    try:
        import anywidget  # noqa: F401
    except ImportError:
        return False
    return True


def _show_in_notebook(
    asked: Sequence[Asked], wait: bool, begun: Callable[[list[Reply]], object]
) -> list[Reply]:
    from IPython.display import display

    from oaikit.widgets.companion import Companion
    from oaikit.widgets.live import LOOP
    from oaikit.widgets.stream_widget import StreamWidget

    widget = StreamWidget(asked)
    display(widget)  # type: ignore[no-untyped-call]
    begun(widget.replies)
    ended = LOOP.submit(widget.run(Companion(widget.id)))
    if not wait:
        return widget.replies
    try:
        errors = ended.result()
    except BaseException:  # an interrupt
        widget.cancel()
        raise
    for error in errors:
        if error is not None:
            raise error
    return widget.replies


# -- elsewhere ---------------------------------------------------------------------------------------------------------


def _print(asked: Sequence[Asked], wait: bool, begun: Callable[[list[Reply]], object]) -> list[Reply]:
    """Print the answers one after the other; all are asked for at once."""
    streams = [each.llm.request(each.endpoint, each.body) for each in asked]
    replies = [each.reply for each in streams]
    begun(replies)
    if not wait:
        return replies
    try:
        for each, stream in zip(asked, streams, strict=True):
            if len(asked) > 1:
                print(f"--- {each.label or each.prompt}".rstrip())
            for delta in stream:
                print(delta.text if not delta.index else "", end="", flush=True)
            print()
    except BaseException:
        for stream in streams:
            stream.close()
        raise
    return replies
