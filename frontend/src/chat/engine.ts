/** The strip of a chat whose model is not ready: how far a load has come, or a button that begins one. */

import { button, h, setChildren, setText } from "../dom";
import { baseUrl, post } from "../stop";
import type { ChatDocument } from "../types";

const LOOK_EVERY_MS = 1500;

export class EngineStrip {
  readonly element = h("div", { className: "oai-engine", "data-oaikit": "engine", role: "status", hidden: true });
  private said = h("span", { "data-oaikit": "engine-text" });
  private bar = h("progress", { "aria-label": "The model is loading" });
  private name: HTMLInputElement;
  private load: HTMLButtonElement;
  private asked = false;
  private wasReady = true;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private look: () => void,
    private fail: (error: Error) => void,
  ) {
    this.name = h("input", { type: "text", "aria-label": "Model to load", "data-oaikit": "load-model-name" });
    this.load = button("load-model", "Load this model", "Load", () => void this.begin(), { className: "oai-primary" });
  }

  show({ engine, model }: ChatDocument): void {
    const state = engine?.state ?? "";
    const ready = state === "" || state === "ready";
    if (ready) {
      if (!this.wasReady) this.sayReady();
      this.wasReady = true;
      this.asked = false;
      return;
    }
    this.wasReady = false;
    this.element.hidden = false;
    const loading = ["loading", "hung", "stopping"].includes(state) || (this.asked && state === "stopped");
    if (!this.name.value) this.name.value = engine!.model || model || "oaikit-demo";
    const can = engine!.own && baseUrl() !== null;
    const seconds = engine!.load_s === null ? "" : `, ${Math.round(engine!.load_s)} s`;
    if (loading) setText(this.said, `Loading ${engine!.model || this.name.value}: ${engine!.phase || "starting"}${seconds}`);
    else {
      const why = state === "failed" ? `The model could not be loaded: ${engine!.error ?? ""}` : "No model is loaded.";
      const who = "Whoever runs the server can load one: llm.load(…) with Jupyter's token.";
      setText(this.said, can ? why : `${why} ${who}`);
    }
    setChildren(this.element, [this.said, ...(loading ? [this.bar] : can ? [this.name, this.load] : [])]);
    this.watch();
  }

  private sayReady(): void {
    setText(this.said, "The model is ready.");
    setChildren(this.element, [this.said]);
    setTimeout(() => (this.element.hidden = this.wasReady), 4000);
  }

  /** The kernel is asked to look while somebody can see the strip. */
  private watch(): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.element.isConnected && !this.element.hidden) this.look();
    }, LOOK_EVERY_MS);
  }

  /** The page asks its own server, with what its user may do: the kernel's key may only infer. */
  private async begin(): Promise<void> {
    this.load.disabled = true;
    try {
      const answer = await post(`${baseUrl()}oaikit/api/load`, { model: this.name.value.trim() });
      if (!answer.ok) throw new Error(await reason(answer));
      this.asked = true;
    } catch (error) {
      this.fail(error as Error);
    } finally {
      this.load.disabled = false;
      this.look();
    }
  }
}

async function reason(answer: Response): Promise<string> {
  try {
    return ((await answer.json()) as { error: { message: string } }).error.message;
  } catch {
    return `The server refused to load a model (${answer.status}).`;
  }
}
