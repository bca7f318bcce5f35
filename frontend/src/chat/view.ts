/** The view of `ok.Chat`. */

import { button, copyButton, copyText, download, h, iconButton, setChildren, setText } from "../dom";
import type { Store } from "../document";
import { icon } from "../icons";
import { Notice } from "../notice";
import type { ChatDocument } from "../types";
import { Announcer, Composer } from "./composer";
import { EngineStrip } from "./engine";
import { MessageView } from "./message";
import { Settings, summary } from "./settings";
import { path } from "./tree";

interface Kept {
  id: string;
  title: string;
  updated: number | string;
  messages: number;
}

export class ChatView {
  readonly element: HTMLElement;
  private log = h("div", { className: "oai-log", role: "log", "aria-live": "off", "data-oaikit": "log", tabIndex: 0 });
  private empty = h("div", { className: "oai-empty" }, "Ask something. Enter sends, Shift+Enter begins a new line.");
  private title = h("span", { className: "oai-title", "data-oaikit": "title" });
  private params = h("span", { className: "oai-summary" });
  private notice = new Notice(() => this.draw());
  private announcer = new Announcer();
  private composer: Composer;
  private settings: Settings;
  private history = h("div", { className: "oai-history", "data-oaikit": "history-list", hidden: true });
  private messages = new Map<string, MessageView>();
  private probabilities: HTMLButtonElement;
  private asTokens = false;
  private engine = new EngineStrip(() => void this.store.command("look").catch(this.notice.fail), this.notice.fail);
  private gone = h("div", { className: "oai-gone", "data-oaikit": "gone", role: "status", hidden: true });
  private sending: Sending | null = null;
  private lookedAt = Date.now();

  constructor(private store: Store<ChatDocument>) {
    this.settings = new Settings(this.run);
    this.composer = new Composer({
      send: (text, images, settled) => this.say(text, images, settled),
      stop: this.stop,
      editLast: () => this.editLast(),
    });
    this.probabilities = button("probabilities", "Colour the tokens by probability", "Probabilities", () => {
      this.asTokens = !this.asTokens;
      if (this.asTokens && !this.store.document.params.logprobs) this.run("set_param", { name: "logprobs", value: true });
      this.draw();
    });
    this.element = h(
      "div",
      { className: "oai oai-chat", role: "group", "aria-label": "Chat", onkeydown: this.press, onfocusin: this.lookAgain },
      this.head(),
      this.settings.element,
      this.history,
      this.gone,
      this.engine.element,
      this.notice.element,
      this.log,
      this.announcer.element,
      this.composer.element,
    );
  }

  draw = (): void => {
    const chat = this.store.document;
    // Decided before anything grows: who has scrolled up wants to read there.
    const follow = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40;
    setText(this.title, chat.title || "Chat");
    setText(this.params, [chat.model, summary(chat)].filter(Boolean).join(" · "));
    this.params.title = this.params.textContent ?? "";
    this.probabilities.setAttribute("aria-pressed", String(this.asTokens));
    this.element.dataset.busy = String(chat.busy);
    this.settings.show(chat);
    this.composer.show(chat);
    this.notice.show(chat.notice);
    this.engine.show(chat);
    this.showGone(chat);
    this.showMessages(chat);
    if (follow) this.log.scrollTop = this.log.scrollHeight;
  };

  private head(): HTMLElement {
    const toggle = (panel: HTMLElement) => (event: MouseEvent) => {
      panel.hidden = !panel.hidden;
      (event.currentTarget as HTMLElement).setAttribute("aria-expanded", String(!panel.hidden));
    };
    const file = h("input", {
      type: "file",
      accept: ".json,application/json",
      hidden: true,
      "data-oaikit": "load-file",
      onchange: async () => {
        const [chosen] = file.files ?? [];
        if (chosen) this.run("load", { text: await chosen.text() });
        file.value = "";
      },
    });
    const save = (format: string) => async () => {
      const made = await this.ask<{ filename: string; text: string }>("export", { format });
      if (made) download(made.filename, made.text);
    };
    const menu = h(
      "details",
      { className: "oai-menu", "data-oaikit": "menu" },
      h("summary", { "aria-label": "More", title: "More" }, icon("more")),
      h(
        "div",
        { className: "oai-menu-items" },
        button("new", "New chat", "New chat", () => this.run("new")),
        button("history", "History", "History", () => void this.showHistory()),
        button("copy-python", "Copy as Python", "Copy as Python", () => void this.copyPython()),
        button("export-json", "Export as JSON", "Export as JSON", save("json")),
        button("export-markdown", "Export as Markdown", "Export as Markdown", save("markdown")),
        button("export-python", "Export as Python", "Export as Python", save("python")),
        button("load", "Load from a file", "Load…", () => file.click()),
        file,
      ),
    );
    menu.addEventListener("click", (event) => {
      if (!(event.target as HTMLElement).closest("button")) return;
      menu.open = false;
      menu.querySelector("summary")!.focus();
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      event.stopPropagation();
      menu.open = false;
      menu.querySelector("summary")!.focus();
    });
    return h(
      "div",
      { className: "oai-head oai-row" },
      this.title,
      this.params,
      this.probabilities,
      iconButton("settings", "Model and parameters", "settings", toggle(this.settings.element), { "aria-expanded": "false" }),
      menu,
    );
  }

  // -- commands --------------------------------------------------------------------------------------------------

  private run = (name: string, args: object = {}): void => void this.attempt(name, args);

  private stop = (): void => {
    this.store.stop(this.store.document.stop).catch(this.notice.fail);
  };

  /** Whether a command was obeyed; if not, the user is told. */
  private async attempt(name: string, args: object): Promise<boolean> {
    try {
      await this.store.command(name, args);
      return true;
    } catch (error) {
      this.notice.fail(error as Error);
      return false;
    }
  }

  /** The message is shown at once, whatever the kernel does. */
  private async say(text: string, images: string[], settled: () => void): Promise<boolean> {
    this.sending = new Sending(text);
    this.draw();
    this.log.scrollTop = this.log.scrollHeight;
    try {
      return await this.attempt("send", { text, images });
    } finally {
      this.sending = null;
      settled();
      this.draw();
    }
  }

  /** Another model may have been loaded since. */
  private lookAgain = (): void => {
    if (this.store.gone || this.store.document.busy || Date.now() - this.lookedAt < 10_000) return;
    this.lookedAt = Date.now();
    void this.store.command("look").catch(() => undefined); // the next message says what is wrong
  };

  private showGone(chat: ChatDocument): void {
    this.gone.hidden = !this.store.gone;
    this.element.dataset.gone = String(this.store.gone);
    this.composer.element.hidden = this.store.gone;
    if (!this.store.gone || this.gone.childElementCount) return;
    const said = h("div", {}, "The kernel of this chat has ended. This is what was said.");
    const code = chat.reopen;
    if (!code) {
      this.gone.append(said, h("div", {}, "It was not kept (history=None), so it cannot be reopened."));
      return;
    }
    const copy = copyButton("copy-reopen", "Copy the cell", () => code);
    const block = h("div", { className: "oai-code" }, h("pre", { "data-oaikit": "reopen" }, code), copy);
    this.gone.append(said, h("div", {}, "To go on with it, run this in a cell:"), block);
  }

  private async ask<R>(name: string, args: object = {}): Promise<R | null> {
    try {
      return await this.store.command<R>(name, args);
    } catch (error) {
      this.notice.fail(error as Error);
      return null;
    }
  }

  private press = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.store.document.busy) {
      event.preventDefault();
      this.stop();
    }
  };

  private editLast(): void {
    const chat = this.store.document;
    const last = path(chat)
      .reverse()
      .find((id) => chat.nodes[id]?.role === "user");
    if (last) this.messages.get(last)?.startEditing();
  }

  private async copyPython(): Promise<void> {
    const made = await this.ask<{ text: string }>("export", { format: "python" });
    if (made && !(await copyText(made.text))) download("chat.py", made.text);
  }

  // -- parts -----------------------------------------------------------------------------------------------------

  private showMessages(chat: ChatDocument): void {
    const ids = path(chat);
    const views = ids.map((id) => {
      let view = this.messages.get(id);
      if (!view) {
        view = new MessageView(id, chat.nodes[id]!, { run: this.run, loadMaths: () => this.store.mathsCode() });
        this.messages.set(id, view);
      }
      view.show(chat, this.asTokens);
      return view.element;
    });
    for (const id of this.messages.keys()) if (!(id in chat.nodes)) this.messages.delete(id);
    if (this.sending) views.push(this.sending.element);
    setChildren(this.log, views.length ? views : [this.empty]);
    const last = ids.length ? chat.nodes[ids[ids.length - 1]!]! : null;
    if (last?.role === "assistant") {
      this.announcer.show(ids[ids.length - 1]!, last.text, !["waiting", "streaming"].includes(last.state ?? "done"));
    }
  }

  private async showHistory(): Promise<void> {
    const kept = await this.ask<Kept[]>("history");
    if (!kept) return;
    const open = (id: string) => () => {
      this.history.hidden = true;
      this.run("open", { id });
    };
    const rows = kept.map(({ id, title, updated, messages }) => {
      const when = new Date(typeof updated === "number" ? updated * 1000 : updated).toLocaleString();
      const about = h("span", { className: "oai-numbers" }, `${when} · ${messages} messages`);
      return button("history-open", `Open ${title}`, h("span", {}, title || "Untitled", about), open(id));
    });
    const close = iconButton("history-close", "Close the history", "close", () => (this.history.hidden = true));
    setChildren(this.history, [close, ...(rows.length ? rows : [h("span", {}, "Nothing has been kept yet.")])]);
    this.history.hidden = false;
  }
}

/** A message that the kernel has not taken yet. */
class Sending {
  readonly element: HTMLElement;

  constructor(text: string) {
    const body = h("div", { className: "oai-markdown oai-plain", dir: "auto" }, h("div", { className: "oai-typed" }, text));
    const waiting = h("div", { className: "oai-numbers oai-late" }, "Waiting for the kernel…");
    this.element = h("article", { className: "oai-message", "data-role": "user", "data-oaikit": "sending" }, body, waiting);
  }
}
