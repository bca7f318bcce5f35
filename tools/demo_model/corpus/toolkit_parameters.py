"""The parameters of a request, as vLLM and OpenAI document them.

Sources: https://docs.vllm.ai/en/latest/api/vllm/sampling_params.html,
https://platform.openai.com/docs/api-reference/completions/create.
"""

from __future__ import annotations

from .toolkit_topic import OFTEN, parameter

PARAMETERS = (
    parameter(
        "temperature | the temperature",
        "The temperature sets how random the answer is. 0 always takes the most likely token (greedy), low values "
        "give safe answers, and high values give more varied answers.",
        short="How random the answer is.",
        keywords=(("random", "varied", "variety", "creativ"), ("0", "low", "high")),
        weight=OFTEN,
    ),
    parameter(
        "top_p | nucleus sampling",
        "top_p keeps only the most likely tokens whose probabilities together reach p, and samples from those. "
        "1 keeps all tokens, and a lower value makes the answer less random.",
        short="Keep likely tokens that together reach p.",
        keywords=(
            ("likely", "likeliest", "probab"),
            ("together", "sum", "add up", "total", "cumulative", "reach"),
        ),
        weight=OFTEN,
    ),
    parameter(
        "top_k",
        "top_k keeps only the k most likely tokens at each step and samples from those. -1 or 0 turns it off, and "
        "1 is greedy.",
        short="Keep only the k most likely tokens.",
        keywords=(("likely", "likeliest", "probab"), ("only", "number", "limit", "k most", "k token")),
        weight=OFTEN,
    ),
    parameter(
        "min_p",
        "min_p drops every token whose probability is less than min_p times that of the most likely token. "
        "0 turns it off, and a higher value makes the answer less random.",
        short="Drop tokens far below the likeliest one.",
        keywords=(
            ("probab", "likely", "likeliest"),
            ("most likely", "likeliest", "relative", "top token", "best token"),
        ),
        weight=OFTEN,
    ),
    parameter(
        "max_tokens | max_completion_tokens",
        "max_tokens is the largest number of tokens that the answer may have. If the answer reaches it, it is cut off "
        "and finish_reason is length.",
        short="The most tokens an answer may have.",
        keywords=(
            ("largest", "maximum", "at most", "limit", "longest", "how long"),
            ("answer", "output", "generate"),
        ),
        weight=OFTEN,
    ),
    parameter(
        "n",
        "n is the number of answers that are generated for one prompt. Each of them is one choice in the response.",
        short="How many answers you get.",
        keywords=(("number", "how many", "several"), ("answer", "choice", "completion", "output")),
    ),
    parameter(
        "best_of",
        "best_of generates that many answers for one prompt and returns the n most likely ones. It must be at least "
        "n, and it cannot be streamed.",
        short="Generate this many, return the n best.",
        keywords=(("most likely", "likeliest", "highest", "n best", "best n", "best ones", "the best"),),
    ),
    parameter(
        "stop | stop strings | a stop sequence",
        "stop is a string or a list of strings that end the answer. When one of them is generated the model stops, "
        "and the text does not contain it.",
        short="Strings that end the answer.",
        keywords=(("string", "text", "word", "sequence"), ("end", "stops")),
        weight=OFTEN,
    ),
    parameter(
        "seed | the random seed",
        "seed sets the random numbers of a request. The same seed with the same prompt and parameters gives the same "
        "answer, as far as that is possible.",
        short="Same seed, same answer.",
        keywords=(("same answer", "same result", "same output", "repeatable", "reproduc"),),
        weight=OFTEN,
    ),
    parameter(
        "presence_penalty",
        "presence_penalty lowers the score of every token that is already in the answer, once, however often it "
        "occurs. Above 0 the model uses more new words, and below 0 it repeats more.",
        short="Penalty for tokens already in the answer.",
        keywords=(("already", "appear", "occur", "used"), ("once", "new", "repeat")),
        weight=OFTEN,
    ),
    parameter(
        "frequency_penalty",
        "frequency_penalty lowers the score of a token each time it occurs in the answer, so tokens that occur often "
        "lose the most. Above 0 the model repeats less.",
        short="Penalty that grows with each repetition.",
        keywords=(("often", "count", "each time", "every time", "how many times"), ("repe", "lower", "less")),
        weight=OFTEN,
    ),
    parameter(
        "repetition_penalty",
        "repetition_penalty scales down the score of every token that is in the prompt or in the answer so far. "
        "Above 1 the model repeats less, 1 is off, and below 1 it repeats more.",
        short="Above 1 the model repeats less.",
        keywords=(
            ("prompt", "so far", "already", "multipl", "scale"),
            ("repeats less", "less likely", "above 1", "> 1"),
        ),
        weight=OFTEN,
    ),
    parameter(
        "logprobs",
        "logprobs asks for the log probability of each token of the answer. In a chat it is True or False, and in a "
        "completion it is the number of likely tokens to show.",
        short="Return the log probability of each token.",
        keywords=(("log prob", "log-prob", "probabilit"), ("token",)),
    ),
    parameter(
        "top_logprobs",
        "top_logprobs is the number of most likely tokens to show at each step of the answer, each with its log "
        "probability. In a chat it needs logprobs=True.",
        short="How many likely tokens to show.",
        keywords=(("number", "how many"), ("likely", "likeliest", "probabilit")),
    ),
    parameter(
        "logit_bias",
        "logit_bias adds a number from -100 to 100 to the scores of chosen token ids before sampling. 100 nearly "
        "always forces a token, and -100 nearly always bans it.",
        short="Add a number to chosen tokens' scores.",
        keywords=(("add", "score", "more likely", "less likely"), ("token",)),
    ),
    parameter(
        "min_tokens",
        "min_tokens is the smallest number of tokens that the answer has. Before that neither EOS nor a stop token "
        "can end it.",
        short="The fewest tokens an answer may have.",
        keywords=(("smallest", "at least", "minimum", "fewest", "before"),),
    ),
    parameter(
        "stop_token_ids",
        "stop_token_ids is a list of token ids that end the answer when one of them is generated. It is like stop, "
        "with token ids and not strings.",
        short="Token ids that end the answer.",
        keywords=(("end", "stops"), ("token id", "list", "ids that")),
    ),
    parameter(
        "ignore_eos",
        "ignore_eos=True lets the model go on after EOS, its end token, until max_tokens is reached. It is for speed "
        "tests and not for good answers.",
        short="Go on after the end token.",
        keywords=(("go on", "goes on", "continue", "keep", "not stop"), ("end", "max_tokens")),
    ),
    parameter(
        "skip_special_tokens",
        "skip_special_tokens leaves special tokens such as EOS out of the text of the answer. It is True unless you "
        "set it to False.",
        short="Leave special tokens out of the text.",
        keywords=(
            ("leave", "left out", "remove", "omit", "without", "hide", "not show"),
            ("text", "answer", "output"),
        ),
    ),
    parameter(
        "echo",
        "echo=True returns the prompt in front of the answer in a text completion. It is False unless you set it.",
        short="Return the prompt with the answer.",
        keywords=(("prompt",), ("front", "before", "return", "include", "repeat", "begin")),
    ),
    parameter(
        "use_beam_search",
        "use_beam_search=True searches for the most likely whole answer: it keeps the n best texts at each step "
        "and does not sample. It cannot be streamed.",
        short="Search for the most likely whole answer.",
        keywords=(
            ("likely", "best"),
            ("keep", "not sample", "instead of sampling", "whole", "several", "step"),
        ),
    ),
    parameter(
        "length_penalty",
        "length_penalty is for beam search: the score of each text is divided by its length to the power of this "
        "number. A higher value prefers longer answers.",
        short="Higher values make beam search prefer longer answers.",
        keywords=(("beam",), ("long", "short")),
    ),
    parameter(
        "stream",
        "stream=True sends the answer piece by piece while it is generated, so you can read the first words at once. "
        "Each piece is a chunk with a delta.",
        short="Send the answer piece by piece.",
        keywords=(("piece", "chunk", "part", "token by token", "while it is"),),
        bare=False,
    ),
    parameter(
        "response_format",
        "response_format says what form the answer must have. With json_object it is a JSON object, and with "
        "json_schema it follows the schema that you give.",
        short="The form of the answer, such as JSON.",
        keywords=(("json",), ("schema", "object", "must", "follow", "valid")),
    ),
    parameter(
        "structured_outputs | structured output | structured outputs",
        "structured_outputs forces the answer into a form: one choice of a list, a regex, a JSON schema or a grammar. "
        "vLLM then allows only tokens that fit the form.",
        short="Force the answer into a given form.",
        keywords=(
            ("json", "regex", "schema", "grammar", "choice"),
            ("form", "fit", "only", "must", "follow"),
        ),
    ),
    parameter(
        "tools",
        "tools is a list of functions that the model may call. Each has a name, a description and a schema of its "
        "arguments, and your own code runs the call.",
        short="Functions that the model may call.",
        keywords=(("function", "call"), ("list", "schema", "argument", "name", "may")),
        bare=False,
    ),
    parameter(
        "tool_choice",
        "tool_choice says if the model may call a tool: auto lets it decide, none forbids it, required asks for at "
        "least one call, and a name picks one tool.",
        short="Whether the model may call a tool.",
        keywords=(("auto", "decide", "none", "required", "force", "forbid", "may call", "must call"),),
    ),
    parameter(
        "stream_options",
        "stream_options sets details of a stream. With include_usage=True the last chunk has the usage: how many "
        "tokens the prompt and the answer have.",
        short="Include the usage in a stream.",
        keywords=(("usage",), ("last", "end", "final", "chunk")),
    ),
    parameter(
        "messages",
        "messages is the list of messages of a chat. Each has a role (system, user or assistant) and a content, and "
        "the model writes the next one.",
        short="The chat so far, as a list.",
        keywords=(("role", "system", "user"), ("list", "chat", "content")),
        bare=False,
    ),
    parameter(
        "model",
        "model is the name of the model that answers the request. It must be one of the served model names, and "
        "client.models.list() shows them.",
        short="The name of the model that answers.",
        keywords=(("name",), ("answer", "request", "served", "list", "use")),
        bare=False,
    ),
)
