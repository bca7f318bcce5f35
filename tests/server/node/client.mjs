// OpenAI's own Node client against a server. Reads OPENAI_BASE_URL, OPENAI_API_KEY and MODEL; prints one JSON object
// with a result per step. A step that should have worked and did not has {error: …} instead.
import OpenAI from "openai";

const model = process.env.MODEL;
const options = { maxRetries: 0, timeout: 120_000 };
const client = new OpenAI(options); // the base URL and the key come from the environment
const messages = [{ role: "user", content: "Count to ten." }];
const prompt = "One, two, three,";
const max_tokens = 16;

const described = (error) => ({
  class: error.constructor.name,
  status: error.status ?? null,
  code: error.code ?? null,
  type: error.type ?? null,
  param: error.param ?? null,
  message: error.message,
});

// The text of a stream, its chunks, and when the first and the last of them came.
async function read(start, textOf) {
  const began = performance.now();
  const result = { text: "", chunks: 0, first_ms: null, last_ms: null, finish_reason: null, usage: null };
  for await (const chunk of await start()) {
    result.last_ms = performance.now() - began;
    result.first_ms ??= result.last_ms;
    result.chunks += 1;
    result.text += textOf(chunk) ?? "";
    result.finish_reason = chunk.choices[0]?.finish_reason ?? result.finish_reason;
    result.usage = chunk.usage ?? result.usage;
  }
  return result;
}

// The error that a call must end with.
async function refused(call) {
  try {
    await call();
  } catch (error) {
    return described(error);
  }
  return { class: null };
}

const streaming = { stream: true, stream_options: { include_usage: true } };

const steps = {
  async models() {
    const names = [];
    for await (const { id } of client.models.list()) names.push(id);
    return names;
  },
  async chat() {
    const { choices, usage } = await client.chat.completions.create({ model, messages, max_tokens });
    return { text: choices[0].message.content, finish_reason: choices[0].finish_reason, usage };
  },
  chat_streamed: () =>
    read(
      () => client.chat.completions.create({ model, messages, max_tokens, ...streaming }),
      (chunk) => chunk.choices[0]?.delta.content,
    ),
  async completion() {
    const { choices, usage } = await client.completions.create({ model, prompt, max_tokens });
    return { text: choices[0].text, finish_reason: choices[0].finish_reason, usage };
  },
  completion_streamed: () =>
    read(
      () => client.completions.create({ model, prompt, max_tokens, ...streaming }),
      (chunk) => chunk.choices[0]?.text,
    ),
  wrong_key: () => refused(() => new OpenAI({ ...options, apiKey: "wrong" }).models.list()),
  unknown_model: () =>
    refused(() => client.chat.completions.create({ model: "no-such-model", messages, max_tokens })),
  unknown_model_streamed: () =>
    refused(() => client.chat.completions.create({ model: "no-such-model", messages, stream: true })),
  // Long enough that it can't have ended by itself; the client gives up after the third chunk.
  async aborted() {
    const long = { max_tokens: 400, ignore_eos: true }; // the second is vLLM's own
    const stream = await client.chat.completions.create({ model, messages, ...long, stream: true });
    let chunks = 0;
    let finish_reason = null;
    for await (const chunk of stream) {
      chunks += 1;
      finish_reason = chunk.choices[0]?.finish_reason ?? finish_reason;
      if (chunks === 3) stream.controller.abort();
    }
    return { chunks, aborted: stream.controller.signal.aborted, finish_reason };
  },
};

const results = {};
for (const [name, step] of Object.entries(steps)) {
  try {
    results[name] = await step();
  } catch (error) {
    results[name] = { error: described(error) };
  }
}
console.log(JSON.stringify(results));
