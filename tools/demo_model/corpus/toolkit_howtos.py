"""How to do things with oaikit, and what distinguishes two things that are easily confused."""

# One topic after the other, in one table: splitting it would only scatter it.

from __future__ import annotations

from .toolkit_topic import OFTEN, difference, how_to

DIFFERENCES = (
    difference(
        "temperature | top_p",
        "temperature changes how likely all tokens are, and top_p drops the unlikely ones. Change one of them at a "
        "time, first the temperature.",
        short="temperature changes probabilities, top_p drops tokens.",
        keywords=(("drop", "cut", "remove", "keep", "only"), ("likely", "probab", "random")),
    ),
    difference(
        "top_k | top_p",
        "top_k keeps a fixed number of tokens, and top_p keeps as many as it takes to reach the probability p. So "
        "top_p keeps fewer tokens when the model is sure.",
        short="A fixed number against a fixed probability.",
        keywords=(("number", "fixed"), ("probab", "sum")),
    ),
    difference(
        "top_p | min_p",
        "top_p keeps the most likely tokens that together reach the probability p. min_p keeps every token that is "
        "likely enough next to the most likely one.",
        short="A sum against a least probability.",
        keywords=(("together", "sum", "total", "cumulative"), ("most likely", "likeliest", "relative")),
    ),
    difference(
        "presence_penalty | frequency_penalty",
        "presence_penalty counts only whether a token is already in the answer, and frequency_penalty grows each time "
        "the token occurs.",
        short="Once per token, or each time.",
        keywords=(("whether", "once", "already"), ("each time", "every time", "how often", "how many")),
    ),
    difference(
        "repetition_penalty | frequency_penalty",
        "repetition_penalty scales the scores and also looks at the prompt. frequency_penalty takes something off the "
        "score each time a token occurs in the answer.",
        short="Only repetition_penalty also counts the prompt.",
        keywords=(("prompt",), ("each time", "every time", "how often", "subtract", "scale", "multipl")),
    ),
    difference(
        "greedy decoding | sampling",
        "Greedy decoding always takes the most likely token, and sampling draws a token at random. temperature=0 is "
        "greedy, and above 0 it is sampling.",
        short="The likeliest token, or a random one.",
        keywords=(("most likely", "likeliest"), ("random", "draw")),
    ),
    difference(
        "a chat | a completion",
        "A chat takes a list of messages and uses the chat template, and a completion continues a plain text. In "
        "oaikit they are llm.chat and llm.complete.",
        short="A chat has messages, a completion text.",
        keywords=(("message",), ("text", "prompt")),
    ),
    difference(
        "prefill | decode",
        "Prefill reads the whole prompt in one go and fills the KV cache. Decode then makes one token after the "
        "other. TTFT is mostly prefill.",
        short="Prefill reads the prompt, decode writes.",
        keywords=(("prompt",), ("one token", "token by token", "each token", "write", "generate")),
    ),
    difference(
        "ok.connect | ok.Engine",
        "ok.connect() uses the engine of the Jupyter server, which all notebooks share. ok.Engine starts an engine of "
        "its own in your kernel or script.",
        short="The shared engine, or your own.",
        keywords=(("share", "server", "jupyter"), ("own", "kernel", "script")),
    ),
    difference(
        "oaikit | vLLM",
        "vLLM is the engine that runs the model. oaikit puts it inside the Jupyter server and adds calls, a chat "
        "widget and sweeps for notebooks.",
        short="oaikit puts vLLM inside Jupyter.",
        keywords=(("engine", "runs"), ("jupyter", "notebook")),
    ),
)

CALLS = (
    how_to(
        "how to connect to the engine",
        """How do I connect? | How do I connect to the engine? | How can I connect with oaikit?
        | What is ok.connect? | What does ok.connect do? | How do I connect to oaikit?
        | How do I use the engine from a notebook? | Show me how to connect. | ok.connect
        | How do I connect to the engine from a notebook? | How do I get an llm object?
        | Connect to the server, how?""",
        "Write `import oaikit as ok` and then `llm = ok.connect()`. It finds the engine of this Jupyter server; for "
        "another server give its URL.",
        short="Use `llm = ok.connect()`.",
        keywords=(("connect(", "ok.connect"),),
        weight=OFTEN,
    ),
    how_to(
        "how to use ok.Engine",
        """How do I use Engine? | What is ok.Engine? | How do I start an engine in a script?
        | What does ok.Engine do? | How do I use ok.Engine? | Can I run the engine without Jupyter?
        | How do I run an engine of my own? | How do I start an engine in my kernel? | ok.Engine
        | How do I start my own engine? | Is there an engine without a server?""",
        'Write `with ok.Engine("Qwen/Qwen3-0.6B") as llm:`. The model then runs in your own kernel or script, without '
        "a Jupyter server.",
        short='Use `ok.Engine("model name")`.',
        keywords=(("engine(", "ok.engine"),),
    ),
    how_to(
        "how to chat with the model",
        """How do I chat? | How do I ask the model a question? | What is llm.chat? | How do I use llm.chat?
        | What does llm.chat do? | How can I chat with the model? | How do I send a message to the model?
        | llm.chat | Show me how to chat. | How do I chat with the model in Python?
        | How do I get an answer from the model?""",
        'Write `reply = llm.chat("Why is the sky blue?")`. Then reply.text is the answer. You can add parameters such '
        "as temperature=0.2.",
        short='Use `llm.chat("your question")`.',
        keywords=(("llm.chat", ".chat("),),
        weight=OFTEN,
    ),
    how_to(
        "how to stream an answer",
        """How do I stream? | How do I stream an answer? | What is llm.stream? | How do I use llm.stream?
        | What does llm.stream do? | How can I stream the reply? | How do I get the answer piece by piece?
        | llm.stream | Show me how to stream. | How do I stream an answer in Python?
        | How can I see the text while it is written?""",
        'Write `for delta in llm.stream("Count to ten"): print(delta.text, end="")`. Each delta is one piece of the '
        "answer.",
        short='Use `llm.stream("your question")`.',
        keywords=(("llm.stream", ".stream("),),
        weight=OFTEN,
    ),
    how_to(
        "how to complete a text",
        """How do I complete a text? | How do I use llm.complete? | What is llm.complete?
        | How do I continue a text? | What does llm.complete do? | How do I get a text completion?
        | How do I use a base model? | llm.complete | Show me how to complete text.
        | How can I complete a text with oaikit? | Can the model continue my text?""",
        'Write `llm.complete("def fib(n):")`. The model continues the text, without a chat template, and reply.text '
        "is what it wrote.",
        short='Use `llm.complete("your text")`.',
        keywords=(("complete(", "llm.complete"),),
    ),
    how_to(
        "how to use the OpenAI client",
        """How do I use the OpenAI client? | Can I use OpenAI's client? | How do I use openai with oaikit?
        | Does the OpenAI client work here? | How can I use the OpenAI client here?
        | How do I use OpenAI() in a notebook? | Which OpenAI client works with oaikit?
        | Show me the OpenAI client. | Can I use the openai package?
        | How do I use OpenAI's client with oaikit? | What is the OpenAI client?""",
        "Write `from openai import OpenAI` and `client = OpenAI()`. The URL and the key are already set; then call "
        "`client.chat.completions.create`.",
        short="Use `client = OpenAI()`.",
        keywords=(("openai()", "client"),),
        weight=OFTEN,
    ),
    how_to(
        "how to make asynchronous calls",
        """How do I use async? | Is there an async call? | How do I use achat? | What is llm.achat?
        | How do I make async calls? | How do I use astream? | Can I await an answer? | What is llm.astream?
        | How do I use oaikit with asyncio? | How do I await a reply?""",
        "Write `await llm.achat(...)` for a whole answer, and `async for delta in llm.astream(...)` for a stream.",
        short="Use `await llm.achat(...)`.",
        keywords=(("achat", "astream", "await"),),
    ),
    how_to(
        "how to list the models",
        """How do I list the models? | Which models are there? | What models can I use?
        | How do I see the models? | How can I list all models? | What is the name of the loaded model?
        | How do I get the model name? | List the models. | Which model is loaded?
        | How do I find out which models are served?""",
        "Call `llm.models()` in oaikit, or `client.models.list()` with OpenAI's client. The route is /v1/models.",
        short="Call `llm.models()`.",
        keywords=(("models()", "models.list", "/v1/models"),),
    ),
    how_to(
        "how to see the speed",
        """How do I measure the speed? | How fast is the answer? | How do I see tokens per second?
        | How do I get the TTFT of a reply? | How can I measure the speed of a reply?
        | What is reply.tokens_per_s? | What is reply.ttft_s? | How many tokens per second do I get?
        | Show me the speed. | How do I measure tokens per second?""",
        "Look at the reply: reply.ttft_s is the time to the first token in seconds, and reply.tokens_per_s is the "
        "number of tokens per second.",
        short="See reply.ttft_s and reply.tokens_per_s.",
        keywords=(("ttft_s", "tokens_per_s", "first token"),),
    ),
    how_to(
        "how to set a system prompt",
        """How do I set a system prompt? | How do I give the model rules? | Where does the system prompt go?
        | How do I use a system message? | How can I set a system prompt?
        | How do I tell the model to be terse? | How do I add a system message? | Set a system prompt, how?
        | How do I change how the model behaves? | How do I send a system prompt?""",
        'Make it the first message: {"role": "system", "content": "You are terse."}. In the chat widget write '
        '`ok.Chat(llm, system="You are terse.")`.',
        short="Make it the first message, role system.",
        keywords=(("first", "system="), ("system",)),
    ),
    how_to(
        "how to stop an answer that is being generated",
        """How do I stop a generation? | How do I cancel a request? | How do I abort an answer?
        | Can I stop the model while it writes? | How can I stop an answer? | How do I interrupt the model?
        | The model does not stop, what can I do? | How do I cancel a stream? | How do I end a stream early?
        | How do I abort a request?""",
        "Interrupt the kernel, or call close on the stream. oaikit then stops the request in the engine too.",
        short="Interrupt the kernel or close the stream.",
        keywords=(("interrupt", "close"),),
    ),
)

NOTEBOOK = (
    how_to(
        "how to use the chat widget",
        """How do I open the chat widget? | What is ok.Chat? | How do I use ok.Chat?
        | Is there a chat window? | How do I use the chat widget? | What does ok.Chat do?
        | How can I chat in a notebook? | ok.Chat | Show me the chat widget. | How do I get a chat widget?
        | How do I chat without code?""",
        "Write `ok.Chat(llm)` in a notebook cell. It shows a chat window, where you can also change the sampling "
        "parameters.",
        short="Write `ok.Chat(llm)` in a cell.",
        keywords=(("ok.chat", "chat("),),
        weight=OFTEN,
    ),
    how_to(
        "how to show a stream in a cell",
        """What is ok.stream? | How do I use ok.stream? | What does ok.stream do?
        | How do I show a stream in a cell? | How can I use ok.stream in a cell?
        | How do I watch the answer in a cell? | ok.stream | How do I show the answer live?
        | Is there a live display? | How do I show a live stream in a cell?""",
        'Write `ok.stream("Tell me a story")` in a cell. The answer appears below it while it is generated; you can '
        "add temperature=1.1 and more.",
        short="Write `ok.stream(...)` in a cell.",
        keywords=(("ok.stream", "stream("),),
    ),
    how_to(
        "how to run a sweep",
        """How do I run a sweep? | How do I use ok.Sweep? | What is ok.Sweep?
        | How do I compare many temperatures? | How can I run a sweep? | What does ok.Sweep do?
        | How do I compare sampling parameters? | ok.Sweep | Show me a sweep. | How do I make a sweep?
        | How do I test many parameters at once?""",
        'Write `sw = ok.Sweep(llm, ok.grid(temperature=[0, 0.8]), prompt="...")` and `sw.run()`. Then sw.df has one '
        "row per answer.",
        short="Use `ok.Sweep` and `sw.run()`.",
        keywords=(("sweep",), ("run", "grid", "df")),
        weight=OFTEN,
    ),
    how_to(
        "how to use the tuning table",
        """What is ok.TuningTable? | How do I use TuningTable? | What does ok.TuningTable do?
        | What is the tuning table? | How do I use ok.TuningTable?
        | How do I tune the parameters in a table? | ok.TuningTable
        | How do I see several answers side by side? | Show me the tuning table.
        | How do I use the tuning table?""",
        'Write `ok.TuningTable(llm, prompt="...")` in a cell. It is a table of parameter sets that you can edit, and '
        "their answers appear side by side.",
        short="A table of parameter sets to edit.",
        keywords=(("table",), ("parameter", "side by side", "edit")),
    ),
    how_to(
        "how to use the %%oai magic",
        """What is %%oai? | How do I use %%oai? | How do I use the oai magic?
        | What is the cell magic of oaikit? | How do I use the %%oai magic? | %%oai | Is there a cell magic?
        | What does %%oai do? | How do I load the magic? | How does %%oai work?""",
        "Run `%load_ext oaikit` once. Then start a cell with `%%oai` and write your prompt below it. `-t 0.2` sets the "
        "temperature.",
        short="Start a cell with `%%oai`.",
        keywords=(("%%oai", "load_ext"),),
    ),
)

SERVER = (
    how_to(
        "how to see the engine's state",
        """How do I see the status? | Is the engine ready? | What is llm.status?
        | How do I know if the model is loaded? | How can I see the status of the engine?
        | What is the state of the engine? | How do I check the engine? | llm.status | Show me the status.
        | How do I get the status of the engine?""",
        "Call `llm.status()`. It has the state (stopped, loading, ready or failed), the model, the device and the last "
        "error.",
        short="Call `llm.status()`.",
        keywords=(("status",),),
    ),
    how_to(
        "how to load a model",
        """How do I load a model? | How do I load another model? | How can I change the model?
        | How do I start a model? | How do I load a different model? | How do I use a larger model?
        | How do I switch the model? | How do I choose the model? | Load a model, how?
        | How can I load a model with oaikit? | How do I use my own model?""",
        "Start Jupyter with `--OAIKit.model=NAME`, or send a POST with the model's name to oaikit/api/load. NAME is a "
        "Hugging Face name or a path.",
        short="Start Jupyter with `--OAIKit.model=NAME`.",
        keywords=(("oaikit.model", "api/load"),),
        weight=OFTEN,
    ),
    how_to(
        "how to unload the model",
        """How do I unload the model? | How do I stop the engine? | How do I free the GPU?
        | Can I unload a model? | How can I unload the model? | How do I free the GPU memory?
        | How do I shut down the engine? | Stop the engine, how? | How do I remove the model from memory?
        | How can I stop the engine?""",
        "Send a POST to oaikit/api/unload. The engine stops and frees its memory, and requests do not start it again.",
        short="Send a POST to oaikit/api/unload.",
        keywords=(("unload", "close"),),
    ),
    how_to(
        "how to use the engine from a terminal",
        """How do I use it from a terminal? | Can I use the engine from a terminal? | How do I use curl?
        | Does it work in a terminal? | How can I use oaikit from a terminal? | How do I ask from a shell?
        | How do I call the API with curl? | How do I use the model in a terminal?
        | Is there a way without a notebook? | How do I use the engine from a terminal?""",
        "Open a terminal in Jupyter. OPENAI_BASE_URL and OPENAI_API_KEY are already set there, so any OpenAI client "
        "works, and so does curl.",
        short="Open a terminal in Jupyter.",
        keywords=(("openai_base_url", "openai_api_key", "curl", "terminal"),),
    ),
    how_to(
        "how to reach the engine from another program",
        """How do I use it from another program? | Can other programs use the engine?
        | How do I connect from outside? | Which URL do other programs use?
        | How can another program use the engine? | What is the URL of oaikit?
        | How do I use the engine outside Jupyter? | How do I reach oaikit from outside?
        | What URL do I give to a client? | How do I use the engine from another program?""",
        "Give any OpenAI client the URL http://HOST:PORT/oaikit/v1, with Jupyter's token as the API key.",
        short="Use http://HOST:PORT/oaikit/v1 and Jupyter's token.",
        keywords=(("oaikit/v1",),),
    ),
    how_to(
        "which environment variables there are",
        """Which environment variables are there? | What environment variables does oaikit set?
        | Which variables does oaikit set? | What are the environment variables?
        | Which environment variables does oaikit use? | Tell me the environment variables.
        | What is in OPENAI_BASE_URL and OPENAI_API_KEY? | List the environment variables.
        | What is OAIKIT_BASE_URL? | What environment variables are set?""",
        "OPENAI_BASE_URL and OPENAI_API_KEY, with the same values in OAIKIT_BASE_URL and OAIKIT_API_KEY. All kernels "
        "and terminals of the server have them.",
        short="OPENAI_BASE_URL and OPENAI_API_KEY.",
        keywords=(("base_url",), ("api_key",)),
    ),
    how_to(
        "how to see the metrics",
        """How do I see the metrics? | Where are the metrics? | Are there metrics?
        | Does oaikit have metrics? | How can I get the metrics? | How do I use Prometheus?
        | What metrics are there? | Show me the metrics. | How do I watch the engine?
        | How do I get vLLM's metrics?""",
        "Open oaikit/metrics. It has vLLM's metrics as text for Prometheus, such as running requests, tokens and "
        "waiting times.",
        short="Open oaikit/metrics.",
        keywords=(("metrics",), ("prometheus", "oaikit/", "text", "running")),
    ),
    how_to(
        "how to install oaikit",
        """How do I install oaikit? | How do I install it? | How can I get oaikit? | How do I set up oaikit?
        | How can I install oaikit? | Install oaikit, how? | How do I start oaikit?
        | What do I need to install? | Can I install oaikit with pip? | How do I install oaikit with pip?""",
        "Run `make lab` in a clone of oaikit. It installs everything and opens JupyterLab. With pip it is "
        '`pip install ".[gpu,lab]"`.',
        short="Run `make lab`.",
        keywords=(("make lab", "pip install"),),
    ),
    how_to(
        "if a GPU is needed",
        """Do I need a GPU? | Does it work without a GPU? | Can I use a CPU? | Does oaikit need a GPU?
        | Can I use oaikit without a GPU? | Is a GPU needed? | Does it run on a CPU?
        | Do I have to have a GPU? | Can vLLM run on a CPU? | Does vLLM need a GPU?""",
        "No. It also works on a CPU, where the answers come more slowly. For large models you need a GPU from NVIDIA.",
        short="No, but a GPU is faster.",
        keywords=(("no.", "no,", "cpu"), ("slow", "fast", "large")),
    ),
    how_to(
        "what happens when the kernel restarts",
        """What happens if I restart the kernel? | Does the engine survive a kernel restart?
        | Is the model lost when the kernel restarts?
        | I have restarted the kernel, must I load the model again? | Does a kernel restart stop the engine?
        | What happens to the engine when my kernel dies? | Do I lose the model when I restart the kernel?
        | Can I restart the kernel? | Is the engine in the kernel?
        | What happens to the model if I restart the kernel?""",
        "Nothing happens to the engine. It lives in the Jupyter server and not in the kernel, so the model stays "
        "loaded.",
        short="The engine stays loaded.",
        keywords=(("stay", "goes on", "survive", "nothing"), ("server", "loaded", "engine")),
    ),
    how_to(
        "what happens when the engine crashes",
        """What happens if the engine dies? | What happens if the engine crashes?
        | Does the engine start again? | Is the engine started again after a crash?
        | What happens when the engine crashes? | My engine crashed. | What does oaikit do after a crash?
        | The engine died, what now? | Does oaikit restart the engine? | What if the engine dies?""",
        "The clients get an error at once, and oaikit starts the engine again, at most three times in ten minutes.",
        short="oaikit starts the engine again.",
        keywords=(("again", "restart"),),
    ),
    how_to(
        "what error 503 means",
        """What does error 503 mean? | Why do I get a 503? | What is model_loading? | I get error 503.
        | Why do I get error 503? | What does model_loading mean? | The server answers 503, what can I do?
        | Why is there no engine? | What does engine_failed mean? | What is error 503?""",
        "Error 503 means that the engine is not ready: it is loading, stopped or failed. Call `llm.status()` to see "
        "which, and try again later.",
        short="The engine is not ready.",
        keywords=(("not ready", "loading", "stopped", "failed"),),
    ),
    how_to(
        "what to do if memory runs out",
        """What do I do if the memory is full? | I get an out of memory error.
        | The GPU has too little memory. | How do I use less memory?
        | The GPU is out of memory, what can I do? | How can I save memory?
        | The model does not fit into memory. | Why is the GPU memory full? | CUDA out of memory
        | What can I do if the GPU is out of memory?""",
        "Set max_model_len to a smaller number or load a smaller model. The weights and the KV cache must both fit "
        "into the memory; see gpu_memory_utilization.",
        short="Use a smaller model or max_model_len.",
        keywords=(("max_model_len", "smaller", "gpu_memory_utilization", "quantiz"),),
    ),
)

ANSWERS = (
    how_to(
        "how to get the same answer each time",
        """How do I get the same answer each time? | How do I make answers repeatable?
        | How do I make the output deterministic? | How can I get the same answer again?
        | How do I get the same answer every time? | Why is each answer different?
        | How do I turn off randomness? | I want the same answer each time.
        | How do I make the model less random? | How can I make the output deterministic?""",
        "Set temperature=0. Then the most likely token is always taken and the answer stays the same. If you want to "
        "sample, set a seed.",
        short="Set temperature=0.",
        keywords=(("temperature=0", "temperature 0", "temperature to 0", "seed", "greedy"),),
        weight=OFTEN,
    ),
    how_to(
        "how to get more varied answers",
        """How do I get more creative answers? | How do I make answers more varied?
        | How do I get more random answers? | The answers are boring, what can I do?
        | How can I get more varied answers? | How do I make the model more creative? | I want more variety.
        | How do I get different answers? | The answers are always the same.
        | How do I get more creative text?""",
        "Use a higher temperature, such as 1.0 and not 0.2. A top_p near 1 also leaves more words to choose from.",
        short="Use a higher temperature.",
        keywords=(("temperature",), ("higher", "raise", "increase")),
    ),
    how_to(
        "how to get shorter answers",
        """How do I get shorter answers? | The answers are too long.
        | How do I limit the length of an answer? | How do I make answers short?
        | How can I get a shorter answer? | How do I limit the answer? | I want short answers.
        | How do I make the model say less? | How do I get a short answer?
        | How can I limit the length of the answer?""",
        "Ask for a short answer in the prompt, for example: Answer in one sentence. max_tokens sets a hard limit and "
        "cuts the text there.",
        short="Ask for it, or lower max_tokens.",
        keywords=(("max_tokens", "short answer", "one sentence"),),
    ),
    how_to(
        "why the answer was cut off",
        """Why is my answer cut off? | My answer is cut off. | Why does the answer stop in the middle?
        | The answer ends too early. | Why was the answer cut off? | How do I get longer answers?
        | The text stops in the middle of a sentence. | Why is the answer not complete?
        | How do I get more text? | Why does my answer end in the middle?""",
        "The answer reached max_tokens, so finish_reason is length. Set a higher max_tokens, as far as the context "
        "length allows.",
        short="It reached max_tokens.",
        keywords=(("max_tokens", "context length"),),
        weight=OFTEN,
    ),
    how_to(
        "how to avoid repetition",
        """How do I stop the model from repeating itself? | The model repeats itself.
        | How do I avoid repetition? | Why does the model repeat itself? | How can I stop repetition?
        | How do I get less repetition? | It says the same thing again and again.
        | How do I avoid repeated words? | The answer repeats a sentence.
        | What can I do if the model repeats itself?""",
        "Set repetition_penalty a little above 1, such as 1.1, or frequency_penalty above 0. A higher temperature can "
        "help too.",
        short="Set repetition_penalty to 1.1.",
        keywords=(("penalty",),),
    ),
    how_to(
        "how to get JSON",
        """How do I get JSON? | How do I get valid JSON? | How do I make the model answer in JSON?
        | Can I get an answer as JSON? | How can I get JSON from the model?
        | How do I get an object with fields? | I want JSON. | How do I force JSON?
        | Can the model return JSON? | How do I make sure that the answer is JSON?""",
        'Use response_format={"type": "json_object"}, or give a json_schema. Then vLLM allows only tokens that keep '
        "the answer valid JSON.",
        short="Use response_format.",
        keywords=(("response_format", "structured_outputs", "json_schema", "json_object"),),
    ),
    how_to(
        "which parameters to try first",
        """Which parameters do I change first? | What temperature is good? | Which temperature is best?
        | Which values are good? | Which parameters should I try first? | What is a good temperature?
        | What settings do you recommend? | What are good sampling parameters?
        | Where do I start with the parameters? | Which temperature should I use?""",
        "Start with the temperature: 0 to 0.3 for facts and code, and 0.7 to 1 for stories. Then set max_tokens. "
        "Change the rest later.",
        short="temperature first, then max_tokens.",
        keywords=(("temperature",), ("facts", "stories", "start with")),
    ),
)

HOW_TOS = (*CALLS, *NOTEBOOK, *SERVER, *ANSWERS)
