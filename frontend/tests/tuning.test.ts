import { beforeEach, describe, expect, it, vi } from "vitest";
import widget from "../src/index";
import { differences } from "../src/tuning/diff";
import type { TuningAnswer, TuningDocument } from "../src/types";
import { drawn, part, TestModel } from "./model";
import payloads from "./xss-payloads.json";

const control = (name: string, kind: string, more: object = {}): any => ({
  name,
  help: `What ${name} does.`,
  control: kind,
  ...{ default: null, min: null, max: null, step: null, choices: null },
  ...more,
});

const answer = (text: string, more: object = {}): TuningAnswer => ({
  state: "done",
  text,
  reasoning: "",
  reasoning_s: null,
  tool_calls: [],
  tokens: [],
  finish_reason: "stop",
  error: null,
  model: "tiny",
  numbers: {
    ...{ ttft_s: 0.012, tokens_per_s: 310.2, prompt_tokens: 5, completion_tokens: 7, latency_s: 1 },
    mean_logprob: -0.5,
  },
  ...{ abort: null, stale: false, winner: false, note: "" },
  ...more,
});

function table(more: Partial<TuningDocument> = {}): TuningDocument {
  return {
    id: "abc",
    completion: false,
    fixed: { max_tokens: 30 },
    rows: [
      { id: "r1", values: { temperature: 0 }, errors: {} },
      { id: "r2", values: { temperature: 9 }, errors: { temperature: "must be a number from 0 to 2" } },
    ],
    columns: ["temperature", "ignore_eos"],
    parameters: [
      control("temperature", "slider", { default: 0.7, min: 0, max: 2, step: 0.05 }),
      control("ignore_eos", "switch"),
      control("stop", "json"),
      control("system", "text"),
      control("truncation_side", "choice", { choices: ["left", "right"] }),
    ],
    prompts: [{ id: "p1", text: "Hi {who}", editable: true, error: null }],
    items: [{ id: "i1", name: "0", values: { who: "Ada" } }],
    variables: ["who"],
    questions: [{ id: "p1.i1", title: "" }],
    answers: { r1: { "p1.i1": answer("the cat sat") } },
    base: null,
    layout: "rows",
    stop: null,
    busy: false,
    notice: null,
    ...more,
  };
}

let end = (): void => undefined;

function open(document_: TuningDocument): { model: TestModel; el: HTMLElement } {
  const model = new TestModel({ kind: "tuning", document: document_ });
  end = widget.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  widget.render({ model, el });
  return { model, el };
}

const all = (el: Element, name: string): HTMLElement[] => [
  ...el.querySelectorAll<HTMLElement>(`[data-oaikit="${name}"]`),
];
const inputs = (el: Element, name: string): HTMLInputElement[] =>
  all(el, "cell")
    .filter((each) => each.dataset.name === name)
    .map((each) => part(each, "cell-input") as HTMLInputElement);
const type = (input: HTMLInputElement | HTMLTextAreaElement, text: string): void => {
  input.value = text;
  input.dispatchEvent(new Event("change", { bubbles: true }));
};
const press = (element: HTMLElement, key: string, more: object = {}): void => {
  element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
};

beforeEach(() => {
  end();
  document.body.replaceChildren();
  vi.stubGlobal("fetch", vi.fn(async () => new Response("{}")));
});

describe("the tuning table", () => {
  it("has a row for each set, with what is wrong at the cell", () => {
    const { el } = open(table());
    expect(el.querySelectorAll(".oai-table tbody tr").length).toBe(2);
    const [right, wrong] = inputs(el, "temperature");
    expect([right!.value, wrong!.value]).toEqual(["0", "9"]);
    expect(right!.getAttribute("aria-label")).toBe("temperature of set 1");
    expect(wrong!.getAttribute("aria-invalid")).toBe("true");
    const said = document.getElementById(wrong!.getAttribute("aria-describedby")!)!;
    expect(said.textContent).toContain("from 0 to 2");
    expect(right!.hasAttribute("aria-describedby")).toBe(false);
    expect(el.textContent).toContain("max_tokens 30");
  });

  it("sends what was typed, each kind as it is meant", () => {
    const columns = ["temperature", "ignore_eos", "stop", "system", "truncation_side"];
    const { model, el } = open(table({ columns }));
    const enter = (name: string, text: string): unknown => {
      type(inputs(el, name)[0]!, text);
      return model.commands("set").at(-1).args;
    };
    expect(enter("temperature", ".5")).toEqual({ row: "r1", name: "temperature", value: 0.5 });
    expect(enter("temperature", "warm")).toMatchObject({ value: "warm" });
    expect(enter("temperature", "")).toMatchObject({ value: null });
    expect(enter("ignore_eos", "true")).toMatchObject({ value: true });
    expect(enter("stop", '["a"]')).toMatchObject({ value: ["a"] });
    expect(enter("stop", "a")).toMatchObject({ value: "a" });
    expect(enter("system", "1")).toMatchObject({ value: "1" });
    expect(enter("truncation_side", "left")).toMatchObject({ value: "left" });
  });

  it("can be worked with the keyboard", () => {
    const { model, el } = open(table());
    const [first, second] = inputs(el, "temperature");
    first!.focus();
    first!.value = "1";
    press(first!, "Enter");
    expect(model.commands("set")[0].args).toEqual({ row: "r1", name: "temperature", value: 1 });
    expect(document.activeElement).toBe(second);
    press(second!, "ArrowUp");
    expect(document.activeElement).toBe(first);
    first!.value = "2";
    press(first!, "Escape");
    expect(first!.value).toBe("1");
    press(first!, "Enter", { ctrlKey: true });
    expect(model.commands("run")[0].args).toEqual({ row: "r1" });
    press(first!, "Enter", { ctrlKey: true, shiftKey: true });
    expect(model.commands("run")[1].args).toEqual({});
    press(first!, "ArrowDown", { altKey: true });
    expect(model.commands("move")[0].args).toEqual({ row: "r1", to: 1 });
    expect(model.commands("set").length).toBe(1);
  });

  it("keeps the focus, and what is being typed, when the rows change places", async () => {
    const { model, el } = open(table());
    const [, second] = inputs(el, "temperature");
    second!.focus();
    second!.value = "1.";
    const { rows } = table();
    model.says({ type: "ops", seq: 1, ops: [["=", ["rows"], [rows[1], rows[0]]]] });
    await drawn();
    expect(inputs(el, "temperature")[0]).toBe(second);
    expect(document.activeElement).toBe(second);
    expect(second!.value).toBe("1.");
  });

  it("has a button for everything", () => {
    const { model, el } = open(table());
    const click = (name: string): any => {
      part(el, name).click();
      return model.sent.at(-1);
    };
    expect(click("add")).toMatchObject({ name: "add" });
    expect(click("duplicate")).toMatchObject({ name: "duplicate", args: { row: "r1" } });
    expect(click("remove")).toMatchObject({ name: "remove", args: { row: "r1" } });
    expect(click("down")).toMatchObject({ name: "move", args: { row: "r1", to: 1 } });
    expect(click("run")).toMatchObject({ name: "run", args: { row: "r1" } });
    expect(click("base")).toMatchObject({ name: "set_base", args: { row: "r1" } });
    expect(click("layout")).toMatchObject({ name: "set_layout", args: { layout: "columns" } });
    expect(click("remove-column")).toMatchObject({ name: "remove_column", args: { name: "temperature" } });
    expect(click("add-prompt")).toMatchObject({ name: "add_prompt" });
    expect(click("add-item")).toMatchObject({ name: "add_item" });
    expect(click("vote")).toMatchObject({ name: "vote", args: { row: "r1", question: "p1.i1" } });
    type(part(el, "note") as HTMLInputElement, "fine");
    expect(model.sent.at(-1)).toMatchObject({ name: "note", args: { text: "fine" } });
    type(part(el, "prompt") as HTMLTextAreaElement, "Bye {who}");
    expect(model.sent.at(-1)).toMatchObject({ name: "set_prompt", args: { prompt: "p1", text: "Bye {who}" } });
    type(part(el, "variable") as HTMLInputElement, "");
    expect(model.sent.at(-1)).toMatchObject({ name: "set_variable", args: { item: "i1", name: "who", value: null } });
    const choose = part(el, "add-column") as HTMLSelectElement;
    expect([...choose.options].map((each) => each.value)).toEqual(["", "stop", "system", "truncation_side"]);
    choose.value = "stop";
    choose.dispatchEvent(new Event("change"));
    expect(model.sent.at(-1)).toMatchObject({ name: "add_column", args: { name: "stop" } });
  });

  it("shows an answer with its numbers and marks", () => {
    const { el } = open(
      table({ answers: { r1: { "p1.i1": answer("**the** cat", { winner: true, stale: true, note: "n" }) } } }),
    );
    const [cell, other] = all(el, "answer");
    expect(cell!.querySelector("strong")!.textContent).toBe("the");
    expect(part(cell!, "numbers").textContent).toContain("310 tok/s");
    expect(part(cell!, "numbers").textContent).toContain("mean log-probability -0.500");
    expect(part(cell!, "vote").getAttribute("aria-pressed")).toBe("true");
    expect((part(cell!, "note") as HTMLInputElement).value).toBe("n");
    expect(part(cell!, "stale")).not.toBeNull();
    expect(other!.textContent).toBe("not run yet");
  });

  it("puts the sets side by side as columns, with the same cells", async () => {
    const { model, el } = open(table());
    const [first] = inputs(el, "temperature");
    model.says({ type: "ops", seq: 1, ops: [["=", ["layout"], "columns"]] });
    await drawn();
    const lines = [...el.querySelectorAll(".oai-table tr")];
    expect(lines.length).toBe(4);
    expect(lines[0]!.querySelectorAll('[data-oaikit="set"]').length).toBe(2);
    expect(lines[0]!.querySelector("th")!.getAttribute("scope")).toBe("col");
    expect(lines[1]!.querySelector("th")!.getAttribute("scope")).toBe("row");
    expect(lines[1]!.contains(first!)).toBe(true);
  });

  it("marks the words that differ from the chosen set's, as text", () => {
    const answers = { r1: { "p1.i1": answer("the cat sat") }, r2: { "p1.i1": answer("the <b>dog</b> sat") } };
    const { el } = open(table({ answers, base: "r1" }));
    const diff = part(all(el, "answer")[1]!, "diff");
    expect(diff.querySelector("del")!.textContent).toBe("cat");
    expect([...diff.querySelectorAll("ins")].map((each) => each.textContent).join("")).toContain("dog");
    expect(diff.querySelector("b")).toBeNull();
    expect(part(all(el, "answer")[0]!, "diff")).toBeNull();
  });

  it("stops all, or one set, by both ways", () => {
    const page = document.createElement("script");
    page.type = "application/json";
    page.id = "jupyter-config-data";
    page.textContent = JSON.stringify({ baseUrl: "/user/ada/" });
    document.body.append(page);
    const answers = {
      r1: { "p1.i1": answer("a", { state: "streaming", abort: "t1" }) },
      r2: { "p1.i1": answer("", { state: "waiting", abort: "t2" }) },
    };
    const stop = { tokens: ["t1", "t2"], kernel: null };
    const { model, el } = open(table({ answers, stop, busy: true }));
    const tokens = (): string[] =>
      vi.mocked(fetch).mock.calls.splice(0).map(([, asked]) => JSON.parse(String(asked!.body)).token);
    all(el, "stop-set")[1]!.click();
    expect(model.commands("stop")[0].args).toEqual({ row: "r2" });
    expect(tokens()).toEqual(["t2"]);
    part(el, "stop").click();
    expect(model.commands("stop")[1].args).toEqual({ row: null });
    expect(tokens()).toEqual(["t1", "t2"]);
    press(inputs(el, "temperature")[0]!, "Escape");
    expect(model.commands("stop").length).toBe(3);
  });

  it("tells a screen reader which sets have ended", async () => {
    const running = { r1: { "p1.i1": answer("a", { state: "streaming", abort: "t1" }) } };
    const { model, el } = open(table({ answers: running, busy: true }));
    expect(part(el, "announcer").textContent).toBe("");
    model.says({ type: "ops", seq: 1, ops: [["=", ["answers", "r1", "p1.i1", "state"], "done"]] });
    await drawn();
    expect(part(el, "announcer").textContent).toContain("Set 1");
  });

  it("says what went wrong, until it is closed", async () => {
    const { model, el } = open(table());
    part(el, "run-all").click();
    model.answers("run", null, "set 2: wrong");
    await drawn();
    expect(part(el, "notice-text").textContent).toBe("set 2: wrong");
    part(el, "notice-close").click();
    expect(part(el, "notice").hidden).toBe(true);
  });

  it("shows nothing of a model's or a user's as HTML", () => {
    for (const text of payloads) {
      end();
      document.body.replaceChildren();
      const answers = { r1: { "p1.i1": answer(text, { note: text }) }, r2: { "p1.i1": answer(`x ${text}`) } };
      const prompts = [{ id: "p1", text, editable: true, error: text }];
      const items = [{ id: "i1", name: text, values: { who: text } }];
      const { el } = open(table({ answers, prompts, items, base: "r1", notice: text }));
      expect(el.querySelector("script, iframe, object, embed, form, svg:not(.oai-icon), [onerror], [onload], [onclick]")).toBeNull();
      for (const image of el.querySelectorAll("img")) expect(image.src).toMatch(/^data:/);
    }
  });
});

describe("differences", () => {
  const shown = (base: string, text: string): string =>
    differences(base, text)
      .map(([lost, found, same]) => (same ? found : `[-${lost}-]{+${found}+}`))
      .join("");

  it("are word by word", () => {
    expect(shown("the cat sat", "the dog sat down")).toBe("the [-cat-]{+dog+} sat[--]{+ down+}");
    expect(shown("same", "same")).toBe("same");
    expect(shown("", "new")).toBe("[--]{+new+}");
    expect(shown("über, ja", "über. ja")).toBe("über[-,-]{+.+} ja");
    expect(shown("a b c d", "a x y d")).toBe("a [-b c-]{+x y+} d");
  });

  it("make both texts again, and long ones do not take long", () => {
    const words = (seed: number): string => Array.from({ length: 4000 }, (_, i) => `w${(i * seed) % 97}`).join(" ");
    for (const [base, text] of [["a b c d", "b c x d a"], ["", ""], [words(3), words(5)]] as const) {
      const began = performance.now();
      const pieces = differences(base, text);
      expect(pieces.map(([lost]) => lost).join("")).toBe(base);
      expect(pieces.map(([, found]) => found).join("")).toBe(text);
      expect(performance.now() - began).toBeLessThan(1000);
    }
  });
});
