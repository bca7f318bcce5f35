// Makes the calls that stdin asks for (a JSON list, see ../test_sdk_errors.py) with OpenAI's Node client, one after the
// other, and prints a JSON list of what became of them.
import OpenAI from "openai";
import { text } from "node:stream/consumers";

async function outcome({ base_url, key, max_retries, method, path, parameters }) {
  const result = { raised: null, statuses: [], times_s: [], text: "" };
  const began = performance.now();
  const counted = async (...request) => {
    const response = await fetch(...request);
    result.statuses.push(response.status);
    result.times_s.push((performance.now() - began) / 1000);
    return response;
  };
  const client = new OpenAI({ baseURL: base_url, apiKey: key, maxRetries: max_retries, fetch: counted });
  const names = method.split(".");
  const name = names.pop();
  const owner = names.reduce((object, each) => object[each], client);
  try {
    const answer = await (path ? owner[name](path) : owner[name](parameters));
    if (parameters.stream) {
      for await (const { choices } of answer) result.text += choices[0]?.delta?.content ?? choices[0]?.text ?? "";
    } else {
      result.text = answer.choices?.[0].message?.content ?? answer.choices?.[0].text ?? "";
    }
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) throw error;
    result.raised = {
      class: error.constructor.name,
      status: error.status ?? null,
      type: error.type ?? null,
      code: error.code ?? null,
      param: error.param ?? null,
      message: error.message,
      request_id: error.requestID ?? null,
      retry_after: error.headers?.get("retry-after") ?? null,
    };
  }
  return result;
}

const outcomes = [];
for (const call of JSON.parse(await text(process.stdin))) outcomes.push(await outcome(call));
console.log(JSON.stringify(outcomes));
