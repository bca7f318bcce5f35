"""How each parameter changes what the real engine is asked and how it chooses, on each endpoint where it has a meaning.

The model is tiny and random, never ends an answer by itself, and answers the same to the same seed.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from oaikit.sampling import CHAT, COMPLETIONS, Endpoint
from tests.harness import SERVED, Server
from tests.server.asking import GREEDY, LOGPROBS, ask, both, events, post, refused, token

# -- what is asked -----------------------------------------------------------------------------------------------------


@both
def test_model(server: Server, endpoint: Endpoint) -> None:
    names = server.status()["served_names"]
    assert [ask(server, endpoint, model=name).answer.json["model"] for name in names] == [SERVED] * len(names)
    answer = post(server, endpoint, model="gpt-9")
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert all(name in answer.json["error"]["message"] for name in names)


def test_messages(server: Server) -> None:
    hello = {"role": "user", "content": "Hello"}
    spoken = [{"role": "system", "content": "Sing"}, hello]
    alone = ask(server, CHAT, messages=[hello], return_prompt_text=True, **GREEDY)
    told = ask(server, CHAT, messages=spoken, return_prompt_text=True, **GREEDY)
    turn = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    assert alone.answer.json["prompt_text"] == turn
    assert told.answer.json["prompt_text"] == f"<|im_start|>system\nSing<|im_end|>\n{turn}"
    assert alone.text != told.text


def test_prompt(server: Server) -> None:
    two = ["The old river", "A tiger"]
    alone = [ask(server, COMPLETIONS, prompt=prompt, **GREEDY).text for prompt in two]
    assert alone[0] != alone[1]
    assert ask(server, COMPLETIONS, prompt=two, **GREEDY).texts == alone
    tokens = [token(server, word) for word in ("The", " old", " river")]
    assert ask(server, COMPLETIONS, prompt=tokens, **GREEDY).text == alone[0]
    assert ask(server, COMPLETIONS, prompt=[tokens, tokens], **GREEDY).texts == [alone[0]] * 2


@both
def test_truncate_prompt_tokens(server: Server, endpoint: Endpoint) -> None:
    cut = ask(server, endpoint, truncate_prompt_tokens=3, **GREEDY)
    assert cut.answer.json["usage"]["prompt_tokens"] == 3
    assert cut.text != ask(server, endpoint, **GREEDY).text


# -- how tokens are chosen ---------------------------------------------------------------------------------------------


def chances(server: Server, endpoint: Endpoint, temperature: float) -> dict[str, float]:
    """How probable each first token is, the likeliest first."""
    found = ask(server, endpoint, max_tokens=1, **LOGPROBS[endpoint]).choices[0]["logprobs"]
    if endpoint == CHAT:
        logprobs = {each["token"]: each["logprob"] for each in found["content"][0]["top_logprobs"]}
    else:
        logprobs = found["top_logprobs"][0]
    sizes = {text: math.exp(value / temperature) for text, value in logprobs.items()}
    total = math.fsum(sizes.values())
    return {text: sizes[text] / total for text in sorted(sizes, key=sizes.__getitem__, reverse=True)}


def first_tokens(server: Server, endpoint: Endpoint, **extra: Any) -> Counter[str]:
    """The first tokens of 64 answers."""
    return Counter(ask(server, endpoint, n=64, max_tokens=1, seed=1, **extra).texts)


@both
def test_temperature(server: Server, endpoint: Endpoint) -> None:
    """The likeliest token comes as often as it should: 0.25 is four standard deviations of 64 answers."""
    shares = []
    for temperature in (0.3, 1.0, 2.0):
        likeliest, chance = next(iter(chances(server, endpoint, temperature).items()))
        shares.append(first_tokens(server, endpoint, temperature=temperature)[likeliest] / 64)
        assert abs(shares[-1] - chance) < 0.25
    assert shares[0] > shares[-1]


@both
def test_temperature_0_is_greedy(server: Server, endpoint: Endpoint) -> None:
    likeliest = next(iter(chances(server, endpoint, 1)))
    assert {ask(server, endpoint, max_tokens=1, seed=seed, **GREEDY).text for seed in range(4)} == {likeliest}
    assert refused(server, endpoint, n=2, **GREEDY)["param"] == "n"


def top_p_keeps(chances: dict[str, float], share: float) -> set[str]:
    kept: set[str] = set()
    for text in chances:
        if math.fsum(chances[each] for each in kept) >= share:
            break
        kept.add(text)
    return kept


KEEPS: Final[dict[str, tuple[float, Callable[[dict[str, float], float], set[str]]]]] = {
    "top_p": (0.64, top_p_keeps),
    "top_k": (2, lambda chances, count: set(list(chances)[: int(count)])),
    "min_p": (
        0.33,
        lambda chances, share: {text for text in chances if chances[text] >= share * max(chances.values())},
    ),
}


@both
@pytest.mark.parametrize("name", KEEPS)
def test_only_the_likeliest_tokens(server: Server, endpoint: Endpoint, name: str) -> None:
    value, keeps = KEEPS[name]
    kept = keeps(chances(server, endpoint, 2), value)
    assert set(first_tokens(server, endpoint, temperature=2, **{name: value})) == kept
    assert set(first_tokens(server, endpoint, temperature=2)) > kept


@both
@pytest.mark.parametrize("extra", [{"top_p": 1e-6}, {"top_k": 1}, {"min_p": 1}], ids=str)
def test_the_likeliest_token_alone_is_greedy(
    server: Server, endpoint: Endpoint, extra: dict[str, Any]
) -> None:
    greedy = ask(server, endpoint, max_tokens=24, **GREEDY).text
    assert ask(server, endpoint, max_tokens=24, temperature=2, seed=1, **extra).text == greedy
    assert ask(server, endpoint, max_tokens=24, temperature=2, seed=1).text != greedy


@both
@pytest.mark.parametrize(
    ("name", "less", "none", "more"),
    [("presence_penalty", -2, 0, 2), ("frequency_penalty", -2, 0, 2), ("repetition_penalty", 0.7, 1, 1.5)],
)
def test_penalties(
    server: Server, endpoint: Endpoint, name: str, less: float, none: float, more: float
) -> None:
    """The higher the penalty, the more different words has a long answer."""

    def different(value: float) -> int:
        return len(set(ask(server, endpoint, max_tokens=100, **GREEDY, **{name: value}).text.split()))

    with ThreadPoolExecutor() as pool:
        counts = list(pool.map(different, (less, none, more)))
    assert counts[0] + 10 < counts[1] < counts[2] - 10, counts


# Prompts that hold the word that they are answered with.
REPEATED: Final[dict[Endpoint, dict[str, Any]]] = {
    CHAT: {"messages": [{"role": "user", "content": "This river sings"}]},
    COMPLETIONS: {"prompt": "The tiger sleeps beside one tower and one river near"},
}


@both
def test_repetition_penalty_counts_the_prompt_and_the_others_do_not(
    server: Server, endpoint: Endpoint
) -> None:
    asked = {**REPEATED[endpoint], "max_tokens": 1, **GREEDY}
    word = ask(server, endpoint, **asked).text
    assert word.strip() in json.dumps(REPEATED[endpoint])
    assert ask(server, endpoint, **asked, presence_penalty=2, frequency_penalty=2).text == word
    assert ask(server, endpoint, **asked, repetition_penalty=100).text != word


@both
def test_seed(server: Server, endpoint: Endpoint) -> None:
    first, again, other = (ask(server, endpoint, temperature=1, seed=seed).text for seed in (7, 7, 8))
    assert first == again != other
    unseeded = {ask(server, endpoint, temperature=2, max_tokens=24).text for _ in range(3)}
    assert len(unseeded) == 3


@both
def test_logit_bias(server: Server, endpoint: Endpoint) -> None:
    likeliest = next(iter(chances(server, endpoint, 1)))
    banned = ask(server, endpoint, max_tokens=1, logit_bias={str(token(server, likeliest)): -100}, **GREEDY)
    assert banned.text != likeliest
    forced = ask(
        server, endpoint, max_tokens=4, logit_bias={str(token(server, " tiger")): 100}, temperature=2
    )
    assert forced.text == " tiger" * 4


@both
def test_allowed_token_ids(server: Server, endpoint: Endpoint) -> None:
    words = {" tiger", " kettle"}
    allowed = [token(server, word) for word in words]
    assert set(first_tokens(server, endpoint, temperature=2, allowed_token_ids=allowed)) == words


@both
def test_bad_words(server: Server, endpoint: Endpoint) -> None:
    word = ask(server, endpoint, max_tokens=8, **GREEDY).text.split()[1]
    assert word not in ask(server, endpoint, max_tokens=8, bad_words=[word], **GREEDY).text


# -- how many answers --------------------------------------------------------------------------------------------------


@both
def test_n(server: Server, endpoint: Endpoint) -> None:
    """Answer i is that of the seed + i."""
    several = ask(server, endpoint, n=3, seed=7, temperature=1, max_tokens=8)
    assert [choice["index"] for choice in several.choices] == [0, 1, 2]
    assert several.texts == [
        ask(server, endpoint, seed=seed, temperature=1, max_tokens=8).text for seed in (7, 8, 9)
    ]
    assert len(set(several.texts)) == 3
    assert several.generated == 24


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


@both
def test_best_of(server: Server, endpoint: Endpoint) -> None:
    """Of the candidates, which the same seed gives as answers, the likeliest per token; usage counts them all."""
    asked = {"seed": 3, "temperature": 1.5, "max_tokens": 8}
    candidates = ask(server, endpoint, n=6, **asked, **LOGPROBS[endpoint])
    scores = dict(zip(candidates.texts, map(mean, candidates.logprobs), strict=True))
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    assert ranked != candidates.texts, "the candidates came in order: nothing is shown"
    best = ask(server, endpoint, n=2, best_of=6, **asked)
    assert best.texts == ranked[:2]
    assert [choice["index"] for choice in best.choices] == [0, 1]
    assert [choice["logprobs"] for choice in best.choices] == [None, None]
    assert best.generated == candidates.generated == 48
    with_logprobs = ask(server, endpoint, n=2, best_of=6, **asked, **LOGPROBS[endpoint])
    assert [mean(values) for values in with_logprobs.logprobs] == pytest.approx(
        [scores[text] for text in ranked[:2]]
    )


def test_best_of_several_prompts(server: Server) -> None:
    """Each prompt has its own best."""
    asked = {"prompt": ["The old river", "A tiger"], "seed": 3, "temperature": 1.5, "max_tokens": 8}
    candidates = ask(server, COMPLETIONS, n=4, logprobs=0, **asked)
    scored = list(zip(map(mean, candidates.logprobs), candidates.texts, strict=True))
    best = ask(server, COMPLETIONS, best_of=4, **asked)
    assert best.texts == [max(scored[:4])[1], max(scored[4:])[1]]


@both
def test_best_of_that_cannot_be(server: Server, endpoint: Endpoint) -> None:
    assert "less than `n`" in refused(server, endpoint, n=3, best_of=2)["message"]
    error = refused(server, endpoint, n=2, best_of=3, stream=True)
    assert (error["param"], "can't be streamed" in error["message"]) == ("best_of", True)
    assert len({chunk["choices"][0]["index"] for chunk in events(server, endpoint, n=2, best_of=2)}) == 2


# -- beam search -------------------------------------------------------------------------------------------------------


@both
def test_use_beam_search(server: Server, endpoint: Endpoint) -> None:
    """n is the width: likelier answers than the greedy one, the likeliest first, and the same every time."""
    asked = {"max_tokens": 16, **LOGPROBS[endpoint]}
    greedy = ask(server, endpoint, **asked, **GREEDY)
    found = ask(server, endpoint, use_beam_search=True, n=5, **asked)
    scores = [math.fsum(values) for values in found.logprobs]
    assert len(set(found.texts)) == 5
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > math.fsum(greedy.logprobs[0])
    assert ask(server, endpoint, use_beam_search=True, n=5, seed=9, **asked).texts == found.texts
    assert ask(server, endpoint, use_beam_search=True, n=2, best_of=5, **asked).texts == found.texts[:2]


@both
def test_a_beam_of_one_is_greedy(server: Server, endpoint: Endpoint) -> None:
    assert ask(server, endpoint, use_beam_search=True).text == ask(server, endpoint, **GREEDY).text


@both
def test_use_beam_search_is_not_streamed(server: Server, endpoint: Endpoint) -> None:
    assert refused(server, endpoint, use_beam_search=True, stream=True)["param"] == "use_beam_search"


# The one token after which the model's end of an answer is among the 20 likeliest, so that a beam of ten sees it.
ENDS: Final[dict[Endpoint, dict[str, Any]]] = {
    CHAT: {
        "messages": [{"role": "assistant", "content": "builds"}],
        "continue_final_message": True,
        "add_generation_prompt": False,
        "truncate_prompt_tokens": 1,
        "truncation_side": "left",
    },
    COMPLETIONS: {"prompt": "builds"},
}


@both
def test_length_penalty(server: Server, endpoint: Endpoint) -> None:
    """The answer that ends at once is unlikely, and the best nevertheless where length costs enough."""
    asked = {**ENDS[endpoint], "use_beam_search": True, "n": 10, "max_tokens": 8}
    shorter = ask(server, endpoint, length_penalty=-10, **asked)
    assert (shorter.texts[0], shorter.ends) == ("", ["stop"] + ["length"] * 9)
    longer = ask(server, endpoint, length_penalty=1, **asked)
    assert longer.ends == ["length"] * 10
    assert longer.texts[:9] == shorter.texts[1:]
    going_on = ask(server, endpoint, length_penalty=-10, ignore_eos=True, **asked)
    assert going_on.texts == longer.texts


UNHEEDED: Final = {
    **{
        "top_p": 0.1,
        "top_k": 1,
        "min_p": 1,
        "presence_penalty": 2,
        "frequency_penalty": 2,
        "repetition_penalty": 2,
    },
    **{
        "logit_bias": {"5": 100},
        "stop": [" "],
        "stop_token_ids": [5],
        "min_tokens": 4,
        "bad_words": [" the"],
    },
    **{"allowed_token_ids": [5], "prompt_logprobs": 1},
}


@both
def test_what_beam_search_does_not_heed_is_said(server: Server, endpoint: Endpoint) -> None:
    asked = {"use_beam_search": True, "n": 2, "max_tokens": 6}
    alone, loaded = ask(server, endpoint, **asked), ask(server, endpoint, **asked, **UNHEEDED)
    assert loaded.texts == alone.texts
    assert alone.warning == ""
    assert loaded.warning.split("; ") == [
        f"{name} was ignored: beam search does not heed it" for name in UNHEEDED
    ]
    form = {"response_format": {"type": "json_object"}}
    assert (
        ask(server, endpoint, **asked, **form).warning
        == "response_format was ignored: beam search does not heed it"
    )
    assert "length_penalty was ignored" in ask(server, endpoint, length_penalty=2).warning
