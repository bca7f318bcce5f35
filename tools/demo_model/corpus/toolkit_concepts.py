"""The words that one meets around a language model and its engine."""

# One topic after the other, in one table: splitting it would only scatter it.

from __future__ import annotations

from .toolkit_topic import OFTEN, concept

MODELS = (
    concept(
        "a",
        "language model | large language model | LLM | language models",
        "A language model is a program that has learned from text which token is likely to come next. It writes an "
        "answer one token at a time.",
        short="A program that writes text, token by token.",
        keywords=(("program", "network", "learned", "trained"), ("token", "word", "text")),
    ),
    concept(
        "a",
        "token | tokens",
        "A token is a small piece of text: a word, a part of a word or a sign. The model reads and writes tokens, and "
        "limits are counted in tokens.",
        short="A small piece of text.",
        keywords=(("piece", "part", "unit"), ("text", "word")),
        weight=OFTEN,
    ),
    concept(
        "a",
        "tokenizer | tokenizers",
        "A tokenizer turns text into token ids for the model, and the token ids of the answer back into text. Each "
        "model has its own.",
        short="It turns text into tokens and back.",
        keywords=(("text",), ("ids", "tokens")),
    ),
    concept(
        "the",
        "context length | context window | max_model_len",
        "The context length is the largest number of tokens that the model can handle at once, prompt and answer "
        "together. In vLLM it is max_model_len.",
        short="The most tokens a model can handle.",
        keywords=(("token",), ("at once", "largest number", "maximum", "most tokens", "handle")),
        weight=OFTEN,
    ),
    concept(
        "a",
        "prompt | prompts",
        "A prompt is the text that you give to the model and that it continues. In a text completion it is the "
        "parameter prompt, and in a chat it is made from the messages.",
        short="The text that you give to the model.",
        keywords=(("text", "input"), ("give", "model", "continue")),
    ),
    concept(
        "a",
        "system prompt | system message",
        "A system prompt is the first message of a chat, with the role system. It tells the model how to behave, for "
        "example: You are terse.",
        short="It tells the model how to behave.",
        keywords=(("behave", "how", "rule", "instruct"), ("model", "chat", "message")),
        weight=OFTEN,
    ),
    concept(
        "a",
        "role | message role | roles",
        "A role says who a message is from: system sets the rules, user asks, assistant is the model, and tool has "
        "the result of a call.",
        short="It says who a message is from.",
        keywords=(("who",), ("user", "assistant", "message")),
    ),
    concept(
        "a",
        "chat template | chat templates",
        "A chat template turns a list of messages into one prompt, with special tokens around each message. It comes "
        "with the model's tokenizer.",
        short="It turns messages into one prompt.",
        keywords=(("message",), ("prompt", "text")),
    ),
    concept(
        "",
        "EOS | EOS token | the EOS token | end of sequence",
        "EOS means end of sequence. It is a special token that the model writes when its answer is complete, and then "
        "generation stops.",
        short="The token that ends an answer.",
        keywords=(("end",), ("stop", "complete", "special", "finish")),
    ),
    concept(
        "an",
        "embedding | embeddings",
        "An embedding is a list of numbers that stands for a text. Texts with a similar meaning have similar "
        "embeddings, which is useful for search.",
        short="A list of numbers for a text.",
        keywords=(("numbers", "vector"), ("text", "meaning", "word")),
    ),
    concept(
        "",
        "reasoning | thinking | reasoning content",
        "Reasoning, or thinking, is text that a model writes for itself before its answer. It costs tokens and time, "
        "and it often makes the answer better.",
        short="Text that comes before the answer.",
        keywords=(("before",), ("answer",)),
    ),
    concept(
        "a",
        "hallucination | hallucinations",
        "A hallucination is an answer that sounds right but is false. Language models only learn which text is "
        "likely, so check the facts that they give.",
        short="An answer that sounds right but is false.",
        keywords=(("false", "wrong", "not true", "made up", "makes up", "invent"),),
    ),
    concept(
        "",
        "quantization | a quantized model",
        "Quantization stores the weights of a model with fewer bits, such as 8 or 4 and not 16. The model then needs "
        "less memory and loses a little quality.",
        short="Store the weights with fewer bits.",
        keywords=(("bit",), ("memory", "weight", "small")),
    ),
    concept(
        "",
        "LoRA | a LoRA adapter | LoRA adapters",
        "LoRA changes how a model answers with a few small extra weights, and leaves its own weights as they are. "
        "This makes training cheap.",
        short="A few small weights that change a model.",
        keywords=(("small", "few", "little"), ("weight", "train", "adapt", "matri")),
    ),
    concept(
        "",
        "tool calling | function calling | a tool call",
        "Tool calling means that the model answers with the name of a function and its arguments. Your code runs it "
        "and sends the result back as a tool message.",
        short="The model asks your code for a function.",
        keywords=(("function",), ("argument", "result", "code", "name")),
        weight=OFTEN,
    ),
)

DECODING = (
    concept(
        "",
        "greedy decoding | greedy sampling | greedy search",
        "Greedy decoding always takes the most likely token. The answer is then the same each time, and you get it "
        "with temperature=0.",
        short="Always take the most likely token.",
        keywords=(("most likely", "likeliest", "highest"),),
    ),
    concept(
        "a",
        "temperature of 0 | temperature 0 | temperature=0 | zero temperature",
        "With temperature 0 the model always takes the most likely token. This is greedy decoding: the answer is not "
        "random and stays the same each time.",
        short="Greedy: always the most likely token.",
        keywords=(("greedy", "most likely", "likeliest"),),
        weight=OFTEN,
    ),
    concept(
        "a",
        "high temperature | higher temperature | temperature above 1",
        "A high temperature makes unlikely tokens more likely, so answers are more varied. Far above 1 the model "
        "writes nonsense.",
        short="Answers become more random.",
        keywords=(("random", "varied", "variety", "creativ", "nonsense"),),
    ),
    concept(
        "",
        "sampling | random sampling",
        "Sampling means that the next token is drawn at random, with the probabilities that the model gives. "
        "temperature, top_p, top_k and min_p change these probabilities.",
        short="Draw the next token at random.",
        keywords=(("random", "drawn", "draw"), ("probab", "likel")),
    ),
    concept(
        "a",
        "sampling parameter | sampling parameters",
        "A sampling parameter says how the tokens of an answer are chosen. The main ones are temperature, top_p, "
        "top_k, min_p, max_tokens, stop, seed and the penalties.",
        short="It says how tokens are chosen.",
        keywords=(("chosen", "choose", "picked", "drawn", "sampled"), ("token", "answer")),
        weight=OFTEN,
    ),
    concept(
        "a",
        "logit | logits",
        "A logit is the score that the model gives to a token before sampling. The higher it is, the more likely is "
        "the token.",
        short="The model's score for a token.",
        keywords=(("score", "raw"), ("token", "likely", "probab")),
    ),
    concept(
        "a",
        "penalty | penalties",
        "A penalty lowers the scores of tokens that were used already, so that the model repeats less. There are "
        "presence_penalty, frequency_penalty and repetition_penalty.",
        short="It makes the model repeat less.",
        keywords=(("repe", "already"), ("token", "less", "model")),
    ),
    concept(
        "",
        "beam search | a beam",
        "Beam search keeps the few most likely texts at each step and returns the best one at the end. It is not "
        "random; in vLLM it is use_beam_search=True.",
        short="Search for the most likely whole answer.",
        keywords=(("likely", "best"), ("keep", "several", "few", "step", "whole")),
    ),
)

SERVING = (
    concept(
        "",
        "TTFT | time to first token | the time to first token",
        "TTFT is the time to first token: how long it takes from the request to the first token of the answer. In "
        "oaikit it is reply.ttft_s, in seconds.",
        short="The time until the first token.",
        keywords=(("first token",), ("time", "how long", "second")),
        weight=OFTEN,
    ),
    concept(
        "",
        "inter-token latency | ITL",
        "Inter-token latency (ITL) is the time between one token of an answer and the next. The lower it is, the "
        "faster the text appears.",
        short="The time between two tokens.",
        keywords=(("between", "per token", "each token"), ("time", "second")),
    ),
    concept(
        "",
        "throughput | the throughput",
        "Throughput is how many tokens or requests the engine handles per second, all requests together. Batching "
        "makes it higher.",
        short="Tokens or requests per second.",
        keywords=(("per second", "each second", "a second"), ("token", "request")),
    ),
    concept(
        "",
        "batching | a batch",
        "Batching means that the engine works on several requests in one step. This uses the GPU better, so more "
        "tokens come out per second.",
        short="Several requests in one step.",
        keywords=(("several", "many", "more than one"), ("request", "prompt")),
    ),
    concept(
        "",
        "continuous batching",
        "Continuous batching lets new requests join the batch at each step, and finished ones leave at once. No "
        "request waits until the others end.",
        short="Requests join and leave at each step.",
        keywords=(("join", "new", "enter", "added"), ("request",)),
    ),
    concept(
        "the",
        "KV cache | key-value cache",
        "The KV cache holds the keys and values of attention for all tokens so far. So the model does not compute "
        "them again for each new token.",
        short="It keeps what attention has computed.",
        keywords=(("again", "memory", "store", "hold", "keep", "so far"), ("token", "attention", "keys")),
        weight=OFTEN,
    ),
    concept(
        "",
        "PagedAttention | paged attention",
        "PagedAttention is vLLM's way to keep the KV cache in small blocks, like the pages of a computer's memory. "
        "Little memory is wasted, so more requests fit.",
        short="The KV cache in small blocks.",
        keywords=(("block", "pages"), ("memory", "cache")),
    ),
    concept(
        "",
        "prefix caching | automatic prefix caching | the prefix cache",
        "Prefix caching keeps the KV cache of earlier prompts. If a new prompt begins with the same text, the engine "
        "does not compute that part again.",
        short="Do not compute the same beginning again.",
        keywords=(("same", "alike", "shared", "common"), ("again", "reuse", "keep", "kept")),
    ),
    concept(
        "",
        "speculative decoding | a draft model",
        "In speculative decoding a small, fast model guesses some tokens ahead, and the large model checks them in one "
        "step. Answers come faster and stay as good.",
        short="Guess tokens ahead, then check them.",
        keywords=(("guess", "draft", "propos", "predict"), ("check", "verif", "accept")),
    ),
    concept(
        "",
        "eager mode | enforce_eager | enforce_eager=True",
        "In eager mode the model runs without CUDA graphs and without being compiled. enforce_eager=True makes the "
        "start faster and the answers slower.",
        short="Run without CUDA graphs or compiling.",
        keywords=(("without", "no cuda", "not compil"), ("graph", "compil")),
    ),
    concept(
        "a",
        "GPU | GPUs | graphics card",
        "A GPU is a processor that does many computations at the same time. Language models run much faster on it "
        "than on a CPU, if they fit into its memory.",
        short="A processor that runs models fast.",
        keywords=(("many", "parallel", "same time", "fast"), ("process", "chip", "comput", "hardware")),
    ),
    concept(
        "",
        "streaming | a stream | a streamed answer",
        "Streaming sends the answer piece by piece while the model still writes. The first words are there at once, "
        "and you see the rest appear.",
        short="The answer comes piece by piece.",
        keywords=(("piece", "chunk", "part", "while", "token by token"),),
        weight=OFTEN,
    ),
    concept(
        "a",
        "delta | deltas | chunk",
        "A delta is one piece of a streamed answer: the text that is new since the last piece. In oaikit delta.text "
        "has it.",
        short="One piece of a streamed answer.",
        keywords=(("piece", "part", "new"), ("stream", "text")),
    ),
    concept(
        "",
        "finish_reason | finish reason | the finish_reason",
        "finish_reason says why the answer ended. stop means that it is complete or met a stop string, length that it "
        "reached max_tokens, and tool_calls that it calls a tool.",
        short="It says why the answer ended.",
        keywords=(("why", "how the answer ended"), ("stop", "length", "end")),
        weight=OFTEN,
    ),
    concept(
        "",
        "usage | the usage | token usage",
        "usage counts the tokens of a request: prompt_tokens, completion_tokens, and total_tokens, which is both "
        "together.",
        short="The number of tokens of a request.",
        keywords=(("token",), ("count", "number of tokens", "total", "how many")),
    ),
)

TOOLKIT = (
    concept(
        "",
        "oaikit | OAIKit",
        "oaikit runs one vLLM engine inside the Jupyter server. All notebooks and terminals share it, with OpenAI's "
        "client or with oaikit's own calls.",
        short="vLLM inside the Jupyter server.",
        keywords=(("vllm",), ("jupyter",)),
        weight=2 * OFTEN,
    ),
    concept(
        "",
        "vLLM | vllm",
        "vLLM is a fast engine for language models. It handles many requests at once, with continuous batching and "
        "PagedAttention, and oaikit runs it inside Jupyter.",
        short="A fast engine for language models.",
        keywords=(("engine", "librar", "server", "program"), ("model",)),
        weight=2 * OFTEN,
    ),
    concept(
        "",
        "Jupyter | JupyterLab | the Jupyter server",
        "Jupyter is a program for notebooks in the browser: you write code and text in cells, run them, and see the "
        "results below.",
        short="A program for notebooks in the browser.",
        keywords=(("notebook",), ("code", "cell", "browser", "run")),
        weight=OFTEN,
    ),
    concept(
        "a",
        "notebook | notebooks | Jupyter notebook",
        "A notebook is a document with cells of code and text. You run the cells one by one, and each result is shown "
        "below its cell.",
        short="A document with cells of code.",
        keywords=(("cell", "document"), ("code", "text", "run")),
    ),
    concept(
        "a",
        "kernel | kernels | Jupyter kernel",
        "A kernel is the process that runs the code of a notebook. If you restart it, its variables are lost, and "
        "oaikit's engine goes on.",
        short="The process that runs a notebook's code.",
        keywords=(("process", "program"), ("code", "notebook")),
    ),
    concept(
        "the",
        "OpenAI API | OpenAI-compatible API",
        "The OpenAI API is the usual way to ask a language model over HTTP: you send messages and get an answer as "
        "JSON. vLLM and oaikit have the same API.",
        short="The usual HTTP API for language models.",
        keywords=(("http", "web", "interface", "json"), ("model", "answer")),
        weight=OFTEN,
    ),
    concept(
        "the",
        "engine | vLLM engine",
        "The engine is the part of vLLM that holds the model and generates tokens. In oaikit it runs inside the "
        "Jupyter server, and all notebooks share it.",
        short="It holds the model and generates tokens.",
        keywords=(("model",), ("run", "generate", "hold")),
    ),
    concept(
        "the",
        "served model name | served_model_name",
        "The served model name is the name that requests use for the model. Unless you set it, it is the name that "
        "the model was loaded with.",
        short="The name that requests use.",
        keywords=(("request", "client", "call", "use"), ("model",)),
    ),
    concept(
        "the",
        "base URL | base_url | OPENAI_BASE_URL",
        "The base URL is the address that a client sends its requests to. For oaikit it is Jupyter's URL with "
        "/oaikit/v1 at the end, and OPENAI_BASE_URL holds it.",
        short="The address that a client asks.",
        keywords=(("address", "oaikit/v1", "where"),),
    ),
    concept(
        "an",
        "API key | api_key | OPENAI_API_KEY",
        "An API key shows the server that you may use it. oaikit makes a key at each start and puts it into "
        "OPENAI_API_KEY, and Jupyter's token works too.",
        short="It shows that you may ask.",
        keywords=(("server", "may", "allow", "access", "secret"), ("key", "token")),
    ),
    concept(
        "a",
        "sweep | sweeps | parameter sweep",
        "A sweep asks the same prompts with many sets of parameters, to compare the answers. In oaikit it is "
        "ok.Sweep, and sw.df has the results.",
        short="Many sets of parameters, compared.",
        keywords=(("parameter", "set", "value"), ("compare", "many", "several", "each", "every")),
    ),
    concept(
        "a",
        "grid | ok.grid | parameter grid",
        "A grid is every combination of the values that you give. For example, ok.grid(temperature=[0, 0.8], "
        "top_p=[0.9, 1]) has four sets of parameters.",
        short="Every combination of the given values.",
        keywords=(("every", "all", "each"), ("combination", "value")),
    ),
    concept(
        "a",
        "replicate | replicates",
        "A replicate is one of several answers to the same prompt with the same parameters. Replicates show how much "
        "the answers vary by chance.",
        short="One of several answers to one prompt.",
        keywords=(("same",), ("several", "again", "repeat", "vary", "chance")),
    ),
    concept(
        "",
        "Hugging Face | the Hugging Face hub",
        "Hugging Face is a website with many free models. oaikit loads a model by its name there, such as "
        "Qwen/Qwen3-0.6B.",
        short="A website with many free models.",
        keywords=(("model",), ("site", "hub", "page", "platform")),
    ),
)

CONCEPTS = (*MODELS, *DECODING, *SERVING, *TOOLKIT)
