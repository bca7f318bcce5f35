"""Whoever says every parameter gets from oaikit, to the byte, what vLLM's own server answers.

Two hundred requests, drawn from a fixed seed, go to the suite's shared server and to vLLM's own, which has the same
model and engine arguments. Of each pair of answers the JSON text of ``choices`` is compared, as it was sent. One
request is under way at a time: in other company its numbers would be rounded otherwise.

Not drawn, because two answers of vLLM's own server to the same request differ already, or are errors:

- streams with ``echo``, ``logprobs`` and ``n`` above 1: vLLM 0.32 mixes up the tokens of prompt and answer and breaks
  the stream off (KeyError).
- beam search with a temperature: in each step vLLM samples a token without a seed, and lists it among ``logprobs``.
- a form together with ``allowed_token_ids`` or the like that forbid it: vLLM answers 500.
- forced tool calls: vLLM makes up a random id for each.

And because oaikit means to answer otherwise: ``best_of``, which vLLM has dropped; a model with a parser for what it
thinks, where oaikit adds ``reasoning_content`` (the tiny model has none).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks import contestants
from oaikit import sampling
from oaikit.sampling import CHAT, COMPLETIONS, Endpoint
from tests.harness import SERVED, Server

COUNT = 200
MOST_TOKENS = 12  # of an answer: tokens are what takes the time
FULL_STOP, END_OF_TURN = 16, 2  # ids of the tiny model's tokens; its words begin at 300

SENTENCES = (
    "The old river sings near a quiet garden.",
    "A clever teacher opens",
    "Every golden window waits slowly. The",
    'It says "choices": [{"text": "no"}], and \\"reasoning\\":"nothing" \\',
    "Zwölf Boxkämpfer 🐅 über den Sylter Deich.\nПривет, 世界!",
    "def answer():\n\treturn {'river': 42}\x7f\n",
    "Each hungry farmer " * 8,
)
TOKENS = ([326, 535, 426, 678, 390, 262, 436, 440, 16], [326], [535, 426], [0, 1, 326, 440, 390])
SYSTEMS = ("You are a patient librarian.", "Answer in one short sentence.", "")
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Ulm", "Köln"]}, "visits": {"type": "integer"}},
    "required": ["city", "visits"],
    "additionalProperties": False,
}
FORMS: tuple[dict[str, Any], ...] = (
    {"structured_outputs": {"choice": ["river", "garden", "the old castle"]}},
    {"structured_outputs": {"regex": r"[A-F]{2}-[0-9]{3,6}"}},
    {"structured_outputs": {"json": CITY}},
    {"structured_outputs": {"grammar": 'root ::= "river" | "garden " [a-c]+'}},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "text"}},
)


@dataclass(frozen=True)
class Drawn:
    """A request: where it goes, and its body."""

    endpoint: Endpoint
    body: dict[str, Any]

    @property
    def title(self) -> str:
        """What is not plain about it."""
        named = ("stream", "echo", "use_beam_search", "stop", "structured_outputs", "response_format")
        said = [name for name in named if self.body.get(name)]
        return "-".join([self.endpoint.replace("/", "-"), *said, f"n{self.body['n']}"])


class Generator:
    """Draws requests. Each says every parameter of which one of the servers would otherwise take its own default."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._pick = self._random.choice

    def request(self) -> Drawn:
        """The next one."""
        endpoint = self._pick(sampling.BOTH)
        body = {"model": SERVED, **self._sampling(), **self._end()}
        body |= self._conversation() if endpoint == CHAT else self._prompt()
        body |= self._report(endpoint)
        kind = self._random.choices((self._free, self._form, self._beam), (75, 20, 5))[0]
        body |= kind(endpoint)
        if body["stream"] and body["echo"] and endpoint == COMPLETIONS and body["logprobs"] is not None:
            body["n"] = 1
        if body["echo"] and endpoint == COMPLETIONS and self._chance(0.15):
            body |= {"max_tokens": 0, "min_tokens": 0}  # the prompt and no more
        return Drawn(endpoint, body)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _sampling(self) -> dict[str, Any]:
        """How a token is chosen."""
        temperature = self._pick((0, 0.0, 0.3, 0.7, 1, 1.5))
        return {
            "seed": self._random.randrange(2**31),
            "temperature": temperature,
            "n": self._pick((1, 1, 1, 2, 3)) if temperature else 1,
            "top_p": self._pick((0.3, 0.9, 1.0)),
            "top_k": self._pick((-1, 0, 2, 20)),
            "min_p": self._pick((0.0, 0.0, 0.1, 1)),
            "presence_penalty": self._pick((-1.5, 0, 0.0, 2)),
            "frequency_penalty": self._pick((-1, 0, 0.0, 0.5)),
            "repetition_penalty": self._pick((0.8, 1.0, 1.0, 1.3)),
            "use_beam_search": False,
            "length_penalty": 1.0,
        }

    def _end(self) -> dict[str, Any]:
        """Whether an answer ends by itself, and what of its end is shown."""
        return {
            "ignore_eos": self._chance(0.4),
            "include_stop_str_in_output": self._chance(0.3),
            "skip_special_tokens": self._chance(0.6),
            "spaces_between_special_tokens": self._chance(0.7),
        }

    def _conversation(self) -> dict[str, Any]:
        """A system prompt or none, some turns, and at times the beginning of the answer."""
        messages = [{"role": "system", "content": self._pick(SYSTEMS)}] if self._chance(0.4) else []
        for _ in range(self._pick((0, 0, 1, 2))):
            messages.append({"role": "user", "content": self._pick(SENTENCES)})
            messages.append({"role": "assistant", "content": self._pick(SENTENCES)})
        parts = [{"type": "text", "text": text} for text in self._random.sample(SENTENCES, 2)]
        messages.append({"role": "user", "content": parts if self._chance(0.15) else self._pick(SENTENCES)})
        begun = self._chance(0.15)
        if begun:
            messages.append({"role": "assistant", "content": "The old"})
        return {
            "messages": messages,
            "echo": begun and self._chance(0.7),
            "add_generation_prompt": not begun,
            "continue_final_message": begun,
            "add_special_tokens": False,
        }

    def _prompt(self) -> dict[str, Any]:
        """A text, some, token ids, or some lists of them."""
        texts, ids = self._random.sample(SENTENCES, 2), self._random.sample(TOKENS, 2)
        cut = {"truncate_prompt_tokens": 5, "truncation_side": self._pick(("left", "right"))}
        return {
            "prompt": self._pick((texts[0], texts[0], texts, ids[0], ids)),
            "echo": self._chance(0.3),
            "add_special_tokens": self._chance(0.5),
            **(cut if self._chance(0.1) else {}),
        }

    def _report(self, endpoint: Endpoint) -> dict[str, Any]:
        """How the answer comes, and what it tells besides its text."""
        told: dict[str, Any] = {
            "stream": self._chance(0.4),
            "return_token_ids": self._chance(0.2),
            "return_tokens_as_token_ids": self._chance(0.1),
        }
        if endpoint == CHAT:
            told["logprobs"] = self._chance(0.5)
            told["top_logprobs"] = self._pick((0, 1, 5, 20)) if told["logprobs"] else 0
        else:
            told["logprobs"] = self._pick((None, None, 0, 1, 5))
            told["prompt_logprobs"] = None if told["stream"] else self._pick((None, None, 0, 2))
        return told

    def _free(self, endpoint: Endpoint) -> dict[str, Any]:
        """An answer in no form, for which some tokens are forbidden or end it."""
        max_tokens = self._random.randint(1, MOST_TOKENS)
        bias = {str(FULL_STOP): -5.5, str(END_OF_TURN): 42}
        free = {
            "max_tokens": max_tokens,
            "min_tokens": self._random.randint(0, max_tokens) if self._chance(0.4) else 0,
            "stop": self._pick((None, None, [], ".", ["garden", " the"], "e ")),
            "stop_token_ids": self._pick(([], [], [FULL_STOP], [440, 426])),
            "logit_bias": self._pick(({}, {}, {"426": 12, "440": -100}, bias)),
            "bad_words": self._pick(([], [], ["river", "quiet garden"])),
        }
        if self._chance(0.1):
            free["allowed_token_ids"] = [*range(300, 340), FULL_STOP, END_OF_TURN]
        if endpoint == CHAT and self._chance(0.15):
            free["max_completion_tokens"] = MOST_TOKENS
        return free

    def _form(self, _: Endpoint) -> dict[str, Any]:
        return {"max_tokens": MOST_TOKENS, "ignore_eos": False, **self._pick(FORMS)}

    def _beam(self, endpoint: Endpoint) -> dict[str, Any]:
        beam = {
            "use_beam_search": True,
            "n": self._pick((1, 2, 3)),
            "max_tokens": 5,  # each costs a request to the engine, or n
            "length_penalty": self._pick((-1.0, 1.0, 2)),
            "temperature": 0,
            "stream": False,
        }
        # It computes no log-probabilities of the prompt.
        return beam | ({"echo": False, "prompt_logprobs": None} if endpoint == COMPLETIONS else {})


GENERATOR = Generator(0)
REQUESTS = [GENERATOR.request() for _ in range(COUNT)]


@pytest.fixture(scope="module")
def vllm_server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """vLLM's own server, in a process of its own, with the engine arguments that the shared server has by default."""
    # The benchmark's way of starting it names the model; vLLM takes the later of two names.
    options = contestants.ENGINE_ARGS | {"served_model_name": SERVED}
    folder = tmp_path_factory.mktemp("vllm")
    with contestants.vllm("vLLM's own server", model, options, folder) as contestant:
        contestant.wait_until_ready()
        assert contestant.process is not None
        url = f"http://{contestants.HOST}:{contestant.port}/"
        yield Server(contestant.process, url, contestant.launch.token, contestant.log, folder)


def test_the_requests_say_and_vary_all_that_oaikit_has_a_default_for() -> None:
    for endpoint in sampling.BOTH:
        bodies = [drawn.body for drawn in REQUESTS if drawn.endpoint == endpoint]
        for name in sampling.seed_defaults(endpoint):
            assert len({body[name] for body in bodies}) > 1, name


def test_choices_are_cut_out_as_they_stand() -> None:
    text = '{"id": "\\"choices\\": [1]", "more": {"choices": 2}, "choices" : [ {"x": 1.50} ], "usage": {}}'
    assert cut_choices(text) == '[ {"x": 1.50} ]'


def test_a_stream_adds_up_to_the_same_however_it_is_cut() -> None:
    def part(index: int, *tokens: str, reason: str | None = None) -> dict[str, Any]:
        delta, logprobs = {"content": "".join(tokens)}, {"content": list(tokens)}
        return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}

    whole = [[part(1, "The", " old")], [part(0, "A", reason="stop")]]
    pieces = [[part(0, "A"), part(1, "The")], [], [part(1, " old")], [part(0, reason="stop")]]
    sum_of = joined([json.dumps(choices) for choices in whole])
    assert [json.loads(choice) for choice in sum_of] == [part(0, "A", reason="stop"), part(1, "The", " old")]
    assert joined([json.dumps(choices) for choices in pieces]) == sum_of
    assert joined([json.dumps(choices) for choices in pieces[:2] + pieces[3:]]) != sum_of


@pytest.mark.parametrize(
    "drawn", [pytest.param(each, id=f"{number:03}-{each.title}") for number, each in enumerate(REQUESTS)]
)
def test_the_choices_are_vllms_own(server: Server, vllm_server: Server, drawn: Drawn) -> None:
    ours, theirs = ask(server, "oaikit/", drawn), ask(vllm_server, "", drawn)
    # A server that is busy for a moment sends as one event what the engine has computed meanwhile, and prompts and
    # answers of one request overtake each other: vLLM's own server cuts the same stream otherwise the next time. Where
    # both are cut alike, the bytes are alike; where not, what adds up to each choice is.
    if drawn.body["stream"] and [*map(json.loads, ours)] != [*map(json.loads, theirs)]:
        ours, theirs = joined(ours), joined(theirs)
    assert ours == theirs


def ask(server: Server, prefix: str, drawn: Drawn) -> list[str]:
    """The JSON text of ``choices`` in a server's answer, or in each event of a stream."""
    try:
        answer = server.request("POST", f"{prefix}v1/{drawn.endpoint}", drawn.body)
    except (OSError, HTTPException) as exc:
        pytest.fail(f"{server.url}: {exc!r}\n{end_of_log(server)}")
    assert answer.status == 200, f"{server.url}: {answer.body!r}\n{end_of_log(server)}"
    text = answer.body.decode()
    if not drawn.body["stream"]:
        return [cut_choices(text)]
    events = [event for event in text.split("\n\n") if not event.startswith(":")]  # those are comments
    assert events[-2:] == ["data: [DONE]", ""]
    assert not events[-3].startswith('data: {"error"'), f"{server.url}: {events[-3]}\n{end_of_log(server)}"
    return [cut_choices(event.removeprefix("data: ")) for event in events[:-2]]


def end_of_log(server: Server) -> str:
    return server.log.read_text(errors="replace")[-4000:]


def cut_choices(text: str) -> str:
    """The text of the value of ``choices`` in a JSON object, as it stands there."""
    decoder, name, start, at = json.JSONDecoder(), "", 0, 1
    while name != "choices":
        name, at = decoder.raw_decode(text, begin(text, at))
        start = begin(text, at)
        _, at = decoder.raw_decode(text, start)
    return text[start:at]


def begin(text: str, at: int) -> int:
    """Where the next name or value begins."""
    while text[at] in " \t\r\n:,":
        at += 1
    return at


def joined(events: list[str]) -> list[str]:
    """What the choices in the events of a stream add up to, one by one, as JSON. Not every event has every field."""
    whole: dict[int, Any] = {}
    for choices in map(json.loads, events):
        for choice in choices:
            whole[choice["index"]] = together(whole.get(choice["index"]), choice)
    return [json.dumps(whole[index], sort_keys=True) for index in sorted(whole)]


def together(earlier: Any, later: Any) -> Any:
    """Two parts of one choice: texts and lists go on, of anything else the later counts, null is nothing."""
    if earlier is None or later is None:
        return later if earlier is None else earlier
    if isinstance(later, dict):
        return {name: together(earlier.get(name), later.get(name)) for name in earlier | later}
    return earlier + later if isinstance(later, str | list) else later
