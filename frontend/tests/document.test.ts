import { describe, expect, it } from "vitest";
import { apply, Store } from "../src/document";
import type { Op } from "../src/types";
import { drawn, TestModel } from "./model";

const start = () => ({ text: "", list: [] as number[], deep: [{ text: "a" }] });
const open = () => {
  const model = new TestModel({ document: start() });
  return { model, store: new Store<ReturnType<typeof start>>(model) };
};
const ops = (seq: number, ...list: Op[]) => ({ type: "ops" as const, seq, ops: list });

describe("the document", () => {
  it("takes every kind of change", () => {
    const document: any = start();
    let path = apply(document, ["+", ["deep", 0, "text"], "b"], []);
    path = apply(document, ["+", "c"], path);
    path = apply(document, ["=", ["text"], "x"], path);
    path = apply(document, ["+", "d"], path);
    apply(document, [">", ["list"], [1, 2]], path);
    apply(document, ["-", ["text"]], path);
    expect(document).toEqual({ list: [1, 2], deep: [{ text: "abcd" }] });
  });

  it("says that it listens, and follows", () => {
    const { model, store } = open();
    expect(model.sent).toEqual([{ type: "ready" }]);
    model.says({ type: "snapshot", seq: 7, document: { ...start(), text: "He" } });
    model.says(ops(8, ["+", ["text"], "llo"]));
    model.says(ops(9, ["+", ", you"]));
    expect(store.document.text).toBe("Hello, you");
  });

  it("asks for a snapshot when something was lost, and waits for it", () => {
    const { model, store } = open();
    model.says(ops(1, ["+", ["text"], "a"]));
    model.says(ops(3, ["+", "c"]));
    model.says(ops(4, ["+", "d"]));
    expect(store.document.text).toBe("a");
    expect(model.sent.filter((message) => message.type === "snapshot")).toHaveLength(1);
    model.says({ type: "snapshot", seq: 4, document: { ...start(), text: "abcd" } });
    model.says(ops(5, ["+", ["text"], "e"]));
    expect(store.document.text).toBe("abcde");
  });

  it("asks for a snapshot when a change does not fit", () => {
    const { model } = open();
    model.says(ops(1, ["+", ["nowhere", "at", "all"], "a"]));
    expect(model.sent.at(-1)).toEqual({ type: "snapshot" });
  });

  it("ignores what it has already", () => {
    const { model, store } = open();
    model.says({ type: "snapshot", seq: 3, document: { ...start(), text: "abc" } });
    model.says(ops(3, ["+", ["text"], "c"]));
    expect(store.document.text).toBe("abc");
  });

  it("takes the trait at the end of a turn, as a page without a kernel has it", () => {
    const { model, store } = open();
    model.sets({ ...start(), text: "saved" });
    expect(store.document.text).toBe("saved");
  });

  it("gives the notebook its own copy at the end of a turn, and goes on following", () => {
    const { model, store } = open();
    model.says(ops(1, ["+", ["text"], "a"]));
    model.says({ type: "saved" });
    expect(model.get("document").text).toBe("a");
    model.says(ops(2, ["+", "b"]));
    expect([store.document.text, model.get("document").text]).toEqual(["ab", "a"]);
  });

  it("gives the notebook the snapshot if it had lost something at the end of a turn", () => {
    const { model } = open();
    model.says(ops(2, ["+", ["text"], "b"]));
    model.says({ type: "saved" });
    expect(model.get("document").text).toBe("");
    model.says({ type: "snapshot", seq: 2, document: { ...start(), text: "ab" } });
    expect(model.get("document").text).toBe("ab");
  });

  it("draws once a frame", async () => {
    const { model, store } = open();
    let draws = 0;
    const unwatch = store.watch(() => draws++);
    for (let seq = 1; seq <= 50; seq++) model.says(ops(seq, ["+", ["text"], "x"]));
    await drawn();
    expect(draws).toBeLessThanOrEqual(3);
    unwatch();
    model.says(ops(51, ["+", ["text"], "x"]));
    await drawn();
    expect(draws).toBeLessThanOrEqual(3);
  });

  it("pairs results with commands", async () => {
    const { model, store } = open();
    const first = store.command("export", { format: "json" });
    const second = store.command("open");
    model.answers("open", null, "there is no such chat");
    model.answers("export", { text: "{}" });
    await expect(first).resolves.toEqual({ text: "{}" });
    await expect(second).rejects.toThrow("there is no such chat");
  });

  it("asks for the part that draws formulas once", async () => {
    const { model, store } = open();
    const both = [store.mathsCode(), store.mathsCode()];
    expect(model.sent.filter((message) => message.type === "maths")).toHaveLength(1);
    model.says({ type: "maths", code: "x" });
    expect(await Promise.all(both)).toEqual(["x", "x"]);
  });
});
