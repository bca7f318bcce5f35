import { beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../src/index";
import type { ChatDocument, StreamDocument } from "../src/types";
import { drawn, part, TestModel } from "./model";

const NUMBERS = { ttft_s: 0.012, tokens_per_s: 310.2, prompt_tokens: 5, completion_tokens: 7, latency_s: 1 };
const answer = (text: string, more: object = {}) => ({
  state: "done" as const,
  text,
  reasoning: "",
  reasoning_s: null,
  tool_calls: [],
  tokens: [],
  finish_reason: "stop",
  error: null,
  model: "tiny",
  numbers: NUMBERS,
  ...more,
});
const control = (name: string, kind: string, more: object = {}): any => ({
  name,
  help: `What ${name} does.`,
  control: kind,
  default: null,
  min: null,
  max: null,
  step: null,
  choices: null,
  ...more,
});

function chat(more: Partial<ChatDocument> = {}): ChatDocument {
  return {
    id: "abc",
    nodes: {
      u1: { parent: null, role: "user", text: "Hello" },
      a1: { parent: "u1", role: "assistant", ...answer("First") },
      a2: { parent: "u1", role: "assistant", ...answer("Second") },
    },
    order: ["u1", "a1", "a2"],
    leaf: "a2",
    system: "",
    model: "tiny",
    models: ["tiny", "other"],
    params: { temperature: 0.2 },
    parameters: [
      control("temperature", "slider", { default: 0.7, min: 0, max: 2, step: 0.05 }),
      control("seed", "number"),
      control("logprobs", "switch"),
      control("stop", "json"),
    ],
    context: { used: 12, size: 1024 },
    stop: null,
    busy: false,
    notice: null,
    title: "Greetings",
    accepts_images: false,
    ...more,
  };
}

let end = (): void => undefined;

/** anywidget wraps the model anew for every call. */
const wrapped = (model: TestModel): TestModel => new Proxy(model, {});

function open(kind: string, document_: object): { model: TestModel; el: HTMLElement } {
  const model = new TestModel({ kind, document: document_ });
  end = widget.initialize({ model: wrapped(model) });
  const el = document.createElement("div");
  document.body.append(el);
  widget.render({ model: wrapped(model), el });
  return { model, el };
}

const press = (element: HTMLElement, key: string, more: object = {}): void => {
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
};

beforeEach(() => {
  end();
  document.body.replaceChildren();
  document.cookie = "_xsrf=secret";
  vi.stubGlobal("fetch", vi.fn(async () => new Response("{}")));
});

describe("the chat", () => {
  it("shows the path, the numbers, and which alternative it is", () => {
    const { el } = open("chat", chat());
    const messages = [...el.querySelectorAll<HTMLElement>('[data-oaikit="message"]')];
    expect(messages.map((each) => each.dataset.id)).toEqual(["u1", "a2"]);
    expect(messages[1]!.textContent).toContain("Second");
    expect(part(messages[1]!, "siblings").textContent).toBe("2/2");
    expect(part(messages[1]!, "numbers").textContent).toContain("310 tok/s");
    expect(messages[0]!.querySelector<HTMLElement>(".oai-siblings")!.hidden).toBe(true);
  });

  it("sends with Enter, and can stop before the kernel has heard", async () => {
    const { model, el } = open("chat", chat());
    const input = part(el, "input") as HTMLTextAreaElement;
    input.value = "Hi";
    press(input, "Enter", { shiftKey: true });
    expect(model.commands("send")).toEqual([]);
    press(input, "Enter");
    expect(model.commands("send")[0].args).toEqual({ text: "Hi", images: [] });
    expect(part(el, "stop").hidden).toBe(false);
    expect(input.value).toBe("");
  });

  it("shows a message at once, and as it was typed", async () => {
    const { model, el } = open("chat", chat());
    const input = part(el, "input") as HTMLTextAreaElement;
    input.value = "  **Hi**\n  there";
    press(input, "Enter");
    expect(part(el, "sending").querySelector(".oai-typed")!.textContent).toBe("  **Hi**\n  there");
    model.answers("send", null);
    await drawn();
    expect(part(el, "sending")).toBeNull();
  });

  it("folds a long paste, and unfolds it", () => {
    const text = "line\n".repeat(40);
    const { el } = open("chat", chat({ nodes: { u1: { parent: null, role: "user", text } }, order: ["u1"], leaf: "u1" }));
    const plain = el.querySelector<HTMLElement>(".oai-plain")!;
    expect(plain.dataset.folded).toBe("true");
    part(el, "unfold").click();
    expect(plain.dataset.folded).toBe("false");
    expect(plain.dir).toBe("auto");
  });

  it("says that the context is full, and what helps", async () => {
    const full = { finish_reason: "length", full: true };
    const nodes = { a: { parent: null, role: "assistant", ...answer("Half", full) } };
    const { model, el } = open("chat", chat({ nodes, order: ["a"], leaf: "a" }));
    expect(part(el, "numbers").textContent).toContain("the context is full");
    part(el, "drop-oldest").click();
    expect(model.commands("drop_oldest")).toHaveLength(1);
    expect(part(el, "go-on")).toBeNull();
  });

  it("offers to continue an answer that max_tokens cut off", () => {
    const nodes = { a: { parent: null, role: "assistant", ...answer("Half", { finish_reason: "length" }) } };
    const { model, el } = open("chat", chat({ nodes, order: ["a"], leaf: "a", params: { max_tokens: 8 } }));
    expect(part(el, "numbers").textContent).toContain("cut off at max_tokens");
    part(el, "go-on").click();
    part(el, "raise").click();
    expect(part(el, "raise").textContent).toContain("16");
    expect(model.commands("go_on").map((each) => each.args)).toEqual([{ id: "a" }, { id: "a", raise_limit: true }]);
  });

  it("loads a model from the page, or says who can", async () => {
    const stopped = { state: "stopped", model: null, phase: null, load_s: null, error: null, own: false };
    const page = document.createElement("script");
    page.id = "jupyter-config-data";
    page.type = "application/json";
    page.textContent = JSON.stringify({ baseUrl: "/user/ada/" });
    document.body.append(page);
    const { model, el } = open("chat", chat({ engine: stopped }));
    expect(part(el, "load-model")).toBeNull();
    expect(part(el, "engine-text").textContent).toContain("Whoever runs the server");
    model.says({ type: "ops", seq: 1, ops: [["=", ["engine"], { ...stopped, own: true }]] });
    await drawn();
    (part(el, "load-model-name") as HTMLInputElement).value = "m";
    part(el, "load-model").click();
    const [url, request] = vi.mocked(fetch).mock.calls[0]!;
    expect([url, request!.body]).toEqual(["/user/ada/oaikit/api/load", '{"model":"m"}']);
    const loading = { ...stopped, state: "loading", model: "m", phase: "loading the weights", load_s: 3.2, own: true };
    model.says({ type: "ops", seq: 2, ops: [["=", ["engine"], loading]] });
    await drawn();
    expect(part(el, "engine-text").textContent).toBe("Loading m: loading the weights, 3 s");
    model.says({ type: "ops", seq: 3, ops: [["=", ["engine"], { ...loading, state: "ready" }]] });
    await drawn();
    expect(part(el, "engine-text").textContent).toBe("The model is ready.");
  });

  it("says that the kernel has ended, and how to go on", async () => {
    let said = (_: unknown, __: string): void => undefined;
    const statusChanged = { connect: (slot: typeof said) => (said = slot), disconnect: () => undefined };
    const model = new TestModel({ kind: "chat", document: chat({ reopen: "ok.Chat.open('x')" }) });
    model.widget_manager = { kernel: { statusChanged } };
    end = widget.initialize({ model });
    const el = document.createElement("div");
    widget.render({ model, el });
    expect(part(el, "gone").hidden).toBe(true);
    said(null, "restarting");
    await drawn();
    expect(part(el, "gone").hidden).toBe(false);
    expect(part(el, "reopen").textContent).toBe("ok.Chat.open('x')");
    expect(el.querySelector<HTMLElement>(".oai-composer")!.hidden).toBe(true);
  });

  it("sends messages over the control channel where the kernel listens there", () => {
    const sendControlMessage = vi.fn();
    const model = new TestModel({ kind: "chat", document: chat(), control: true });
    model.widget_manager = { kernel: { clientId: "me", sendControlMessage } };
    end = widget.initialize({ model });
    const [message] = sendControlMessage.mock.calls[0]!;
    expect(message).toMatchObject({ channel: "control", content: { comm_id: "abc", data: { type: "ready" } } });
    expect(message.header.msg_type).toBe("comm_msg");
    expect(model.sent).toEqual([]);
  });

  it("gives back what was typed, and says why, when it is not taken", async () => {
    const { model, el } = open("chat", chat());
    const input = part(el, "input") as HTMLTextAreaElement;
    input.value = "Hi";
    press(input, "Enter");
    model.answers("send", null, "the model is still loading");
    await drawn();
    expect(input.value).toBe("Hi");
    expect(part(el, "notice-text").textContent).toBe("the model is still loading");
    expect(part(el, "send").hidden).toBe(false);
    part(el, "notice-close").click();
    expect(part(el, "notice").hidden).toBe(true);
  });

  it("stops by both ways", () => {
    const page = document.createElement("script");
    page.type = "application/json";
    page.id = "jupyter-config-data";
    page.textContent = JSON.stringify({ baseUrl: "/user/ada/" });
    document.body.append(page);
    const stop = { tokens: ["t1"], kernel: "k" };
    const { model, el } = open("chat", chat({ busy: true, stop }));
    press(part(el, "input"), "Escape");
    expect(model.commands("stop")).toHaveLength(1);
    const [url, request] = vi.mocked(fetch).mock.calls[0]!;
    expect(url).toBe("/user/ada/oaikit/api/abort");
    expect(request!.body).toBe('{"token":"t1"}');
    expect((request!.headers as any)["X-XSRFToken"]).toBe("secret");
  });

  it("edits in place, and cancels with Escape without stopping anything", () => {
    const { model, el } = open("chat", chat());
    const [mine] = el.querySelectorAll<HTMLElement>('[data-role="user"]');
    part(mine!, "edit").click();
    let editor = part(mine!, "editor") as HTMLTextAreaElement;
    press(editor, "Escape");
    expect(part(mine!, "editor")).toBeNull();
    press(part(el, "input"), "ArrowUp");
    editor = part(mine!, "editor") as HTMLTextAreaElement;
    editor.value = "Hello there";
    press(editor, "Enter");
    expect(model.commands("edit")[0].args).toEqual({ id: "u1", text: "Hello there" });
  });

  it("regenerates and goes through the alternatives", () => {
    const { model, el } = open("chat", chat());
    const [, last] = el.querySelectorAll<HTMLElement>('[data-oaikit="message"]');
    part(last!, "regenerate").click();
    part(last!, "siblings-prev").click();
    part(last!, "siblings-next").click();
    expect(model.commands("regenerate")[0].args).toEqual({ id: "a2" });
    expect(model.commands("select").map((each) => each.args)).toEqual([{ id: "a1" }]);
  });

  it("has a control for each parameter, marks those that were set, and refuses what is no JSON", () => {
    const { model, el } = open("chat", chat());
    const row = (name: string): HTMLElement => el.querySelector<HTMLElement>(`[data-name="${name}"]`)!;
    expect(row("temperature").dataset.set).toBe("true");
    expect(row("seed").dataset.set).toBe("false");
    const change = (name: string, value: string): void => {
      const input = part(row(name), "param-input") as HTMLInputElement;
      input.value = value;
      input.dispatchEvent(new Event("change"));
    };
    change("temperature", "1.1");
    change("seed", "");
    change("stop", "[oh");
    change("stop", '["x"]');
    part(row("temperature"), "param-reset").click();
    expect(model.commands("set_param").map((each) => each.args)).toEqual([
      { name: "temperature", value: 1.1 },
      { name: "seed", value: null },
      { name: "stop", value: ["x"] },
      { name: "temperature", value: null },
    ]);
  });

  it("leaves what is being typed for a parameter alone, whatever the kernel says meanwhile", async () => {
    const { model, el } = open("chat", chat());
    const input = part(el.querySelector('[data-name="temperature"]')!, "param-input") as HTMLInputElement;
    const types = (value: string): void => {
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    };
    let seq = 0;
    const kernelSays = async (temperature: number): Promise<void> => {
      model.says({ type: "ops", seq: ++seq, ops: [["=", ["params", "temperature"], temperature]] });
      await drawn();
    };
    types("0.9");
    await kernelSays(0.3);
    expect(input.value).toBe("0.9");
    input.dispatchEvent(new Event("change"));
    input.dispatchEvent(new Event("focusout", { bubbles: true }));
    expect(input.value).toBe("0.9");
    await kernelSays(0.9);
    await kernelSays(0.5);
    expect(input.value, "it was sent: the kernel knows").toBe("0.5");
    types("0.5");
    await kernelSays(0.6);
    input.dispatchEvent(new Event("focusout", { bubbles: true }));
    expect(input.value, "typed and taken back").toBe("0.6");
  });

  it("shows tool calls with the choice to run them, once their arguments are complete", async () => {
    const call = { id: "c", name: "add", arguments: '{"a":1}', state: "asked", result: null };
    const unfinished = answer("", { tool_calls: [{ ...call, arguments: '{"a"' }], state: "streaming" });
    const nodes = { a: { parent: null, role: "assistant", ...unfinished } };
    const { model, el } = open("chat", chat({ nodes, order: ["a"], leaf: "a" }));
    expect(part(el, "tool-call").textContent).toContain("add");
    expect(el.querySelector('[data-oaikit="approve"]')).toBeNull();
    model.says({ type: "ops", seq: 1, ops: [["+", ["nodes", "a", "tool_calls", 0, "arguments"], ":1}"]] });
    model.says({ type: "ops", seq: 2, ops: [["=", ["nodes", "a", "state"], "done"]] });
    await drawn();
    part(el, "approve").click();
    part(el, "deny").click();
    expect(model.commands("approve").map((each) => each.args)).toEqual([
      { call: "c", yes: true, always: false },
      { call: "c", yes: false, always: false },
    ]);
  });

  it("branches at an alternative token", () => {
    const tokens = [["Yes", -0.1, [["Yes", -0.1], ["No", -2.3]]]];
    const nodes = { a: { parent: null, role: "assistant", ...answer("Yes", { tokens }) } };
    const { model, el } = open("chat", chat({ nodes, order: ["a"], leaf: "a", params: { logprobs: true } }));
    part(el, "probabilities").click();
    el.querySelector(".oai-token")!.dispatchEvent(new Event("pointerenter"));
    part(el, "alternative").click();
    expect(model.commands("branch")[0].args).toEqual({ id: "a", position: 0, token: "No" });
  });

  it("folds thoughts when they are thought, and leaves the user's choice alone", async () => {
    const document_ = chat({ busy: true });
    Object.assign(document_.nodes.a2!, { state: "streaming", reasoning: "Hm", text: "" });
    const { model, el } = open("chat", document_);
    const thoughts = part(el, "reasoning") as HTMLDetailsElement;
    expect(thoughts.open).toBe(true);
    model.says({ type: "ops", seq: 1, ops: [["=", ["nodes", "a2", "reasoning_s"], 1.24]] });
    await drawn();
    expect(thoughts.open).toBe(false);
    expect(thoughts.textContent).toContain("Thought for 1.2 s");
    thoughts.open = true;
    model.says({ type: "ops", seq: 2, ops: [["+", ["nodes", "a2", "text"], "So."]] });
    await drawn();
    expect(thoughts.open).toBe(true);
  });

  it("tells screen readers whole sentences", async () => {
    const document_ = chat({ busy: true });
    Object.assign(document_.nodes.a2!, { state: "streaming", text: "" });
    const { model, el } = open("chat", document_);
    model.says({ type: "ops", seq: 1, ops: [["+", ["nodes", "a2", "text"], "One sentence. And ha"]] });
    await drawn();
    expect(part(el, "announcer").textContent).toBe("One sentence.");
  });

  it("keeps its keys from the notebook, and hides the static transcript", () => {
    const { el } = open("chat", chat());
    const heard = vi.fn();
    document.body.addEventListener("keydown", heard);
    press(part(el, "input"), "d");
    expect(heard).not.toHaveBeenCalled();
    expect(el.querySelector("style")!.textContent).toContain(".oaikit-transcript-abc");
  });

  it("lists what was kept", async () => {
    const { model, el } = open("chat", chat());
    part(el, "history").click();
    model.answers("history", [{ id: "h1", title: "<b>Old</b>", updated: 1700000000, messages: 4 }]);
    await drawn();
    const row = part(el, "history-open");
    expect(row.textContent).toContain("<b>Old</b>");
    row.click();
    expect(model.commands("open")[0].args).toEqual({ id: "h1" });
  });

  it("says in the widget what it could not draw", async () => {
    const { model, el } = open("chat", chat());
    model.sets({ nodes: null });
    await drawn();
    expect(el.querySelector('[role="alert"]')!.textContent).toContain("cannot be drawn");
  });
});

describe("the stream", () => {
  const streams = (...columns: object[]): StreamDocument =>
    ({ id: "s", columns: columns as any, stop: { tokens: ["t1", "t2"], kernel: null } });

  it("shows columns, and stops the one whose button it is", () => {
    const waiting = { state: "waiting", finish_reason: null };
    const { model, el } = open(
      "stream",
      streams({ ...answer("A"), label: "a", prompt: "" }, { ...answer("", waiting), label: "b", prompt: "" }),
    );
    const columns = [...el.querySelectorAll<HTMLElement>('[data-oaikit="column"]')];
    expect(columns.map((each) => each.dataset.state)).toEqual(["done", "waiting"]);
    expect(part(columns[0]!, "stop")).toBeNull();
    part(columns[1]!, "stop").click();
    expect(model.commands("stop")[0].args).toEqual({ column: 1 });
  });

  it("colours tokens where there are probabilities", () => {
    const { el } = open("stream", streams({ ...answer("Hi", { tokens: [["Hi", -1, []]] }), label: "", prompt: "" }));
    expect(el.querySelector(".oai-token")!.textContent).toBe("Hi");
  });

  it("shares one document between views", async () => {
    const { model, el } = open("stream", streams({ ...answer("Hi"), label: "", prompt: "" }));
    const other = document.createElement("div");
    widget.render({ model: wrapped(model), el: other });
    model.says({ type: "snapshot", seq: 0, document: streams({ ...answer("Hi"), label: "", prompt: "" }) });
    model.says({ type: "ops", seq: 1, ops: [["+", ["columns", 0, "text"], " there"]] });
    await drawn();
    expect(el.textContent).toContain("Hi there");
    expect(other.textContent).toContain("Hi there");
    expect(other.textContent).not.toContain("there there");
    expect(model.sent.filter((message) => message.type === "ready")).toHaveLength(1);
  });
});
