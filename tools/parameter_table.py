"""Write docs/parameters.md from oaikit.sampling: ``python tools/parameter_table.py``. A test holds the file to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from oaikit.sampling import BOTH, CHAT, PARAMETERS, UNSET, Limits, Parameter

TARGET = Path(__file__).parents[1] / "docs" / "parameters.md"

TEXT = """\
<!-- Written by tools/parameter_table.py from oaikit/sampling. Change it there. -->
# Parameters of a request

`v1/chat/completions` and `v1/completions` take OpenAI's parameters and vLLM's. All stand at the top of the body; with
OpenAI's Python client those of vLLM go into `extra_body={{…}}`. `null` means: left out.

- **Defaults.** What a request leaves out has the default of these tables, so `max_tokens` is {max_tokens} and
  `temperature` {temperature}. `c.OAIKit.default_sampling` changes them: a dict of values, `None` in it for the model's
  own (of `max_tokens`: what is left of the context), or `"model"` for all that the model's generation_config says.
  Where no default stands, the parameter is not sent.
- **Wrong values** are answered with 400, and `param` names the parameter: a wrong type (true is no number, and no
  number is NaN or infinite), a value out of range, parameters that do not go together.
- **Unknown parameters** are ignored, and the answer says so in a header, as it does of known ones that have no effect
  on this request.
- **Limits** of one request, unless the server's owner sets others: {limits.n} for `n` and `best_of`, {limits.prompts}
  prompts in a completion, {limits.pattern_bytes} bytes for a regular expression that the answer must match. How many
  log-probabilities there are per token is the engine's limit (`max_logprobs`, {limits.logprobs} unless set).

## OpenAI's

{openai}

## vLLM's

{vllm}

## Refused unless allowed

These reach into the server. A request that has one gets 400, unless the server's owner allows that parameter by name.

{trusted}
"""


def main() -> None:
    TARGET.write_text(document())


def document() -> str:
    """The whole page."""
    defaults = {parameter.name: parameter.default for parameter in PARAMETERS}
    trusted = [parameter for parameter in PARAMETERS if parameter.trusted]
    return TEXT.format(
        max_tokens=defaults["max_tokens"],
        temperature=defaults["temperature"],
        limits=Limits(),
        openai=_table(parameter for parameter in PARAMETERS if parameter.group == "OpenAI"),
        vllm=_table(
            parameter for parameter in PARAMETERS if parameter.group == "vLLM" and not parameter.trusted
        ),
        trusted="\n".join(f"- `{parameter.name}`: {_cell(parameter.help)}" for parameter in trusted),
    )


def _table(parameters: Iterable[Parameter]) -> str:
    """In Markdown, one row per parameter."""
    head = ["| parameter | on | value | default | what it does |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(parameter) for parameter in parameters)])


def _row(parameter: Parameter) -> str:
    cells = (
        f"`{parameter.name}`",
        _endpoints(parameter),
        _cell(parameter.type.words()),
        _default(parameter),
        _cell(parameter.help),
    )
    return f"| {' | '.join(cells)} |"


def _endpoints(parameter: Parameter) -> str:
    if parameter.endpoints == BOTH:
        return "both"
    return "chats" if CHAT in parameter.endpoints else "completions"


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "required"
    if parameter.default is UNSET:
        return ""
    return "none" if parameter.default is None else f"`{json.dumps(parameter.default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
