/** One message of a chat, with what can be done to it. */

import { AnswerView, numbersLine } from "../answer";
import { button, copyButton, h, iconButton, setChildren, setText } from "../dom";
import { MarkdownView } from "../markdown/view";
import { PlainTextView } from "./text";
import type { Answer, ChatDocument, ChatNode } from "../types";
import { siblings } from "./tree";

export interface MessageActions {
  run: (name: string, args?: object) => void;
  loadMaths: () => Promise<string>;
}

const NAMES: Record<string, string> = { user: "You", assistant: "Model", tool: "Tool", system: "System" };

export class MessageView {
  readonly element: HTMLElement;
  private body: AnswerView | MarkdownView | PlainTextView;
  private images = h("div", { className: "oai-images" });
  private editor: Editor | null = null;
  private numbers = h("span", { className: "oai-numbers", "data-oaikit": "numbers" });
  private position = h("span", { "aria-live": "off", "data-oaikit": "siblings" });
  private turn: HTMLElement;
  private foot: HTMLElement;
  private regenerate: HTMLButtonElement;
  private edit: HTMLButtonElement;
  private remove: HTMLButtonElement;
  private remedies = h("div", { className: "oai-row oai-remedies" });
  private others: string[] = [];
  private node: ChatNode;

  constructor(
    private id: string,
    node: ChatNode,
    private actions: MessageActions,
  ) {
    const { run, loadMaths } = actions;
    this.node = node;
    this.body =
      node.role === "assistant"
        ? new AnswerView({
            loadMaths,
            choose: (position, token) => run("branch", { id, position, token }),
            approve: (call, yes, always) => run("approve", { call, yes, always }),
          })
        : node.role === "user"
          ? new PlainTextView()
          : new MarkdownView(loadMaths);
    const to = (step: number): void => {
      const other = this.others[this.others.indexOf(id) + step];
      if (other) run("select", { id: other });
    };
    this.turn = h(
      "span",
      { className: "oai-siblings" },
      iconButton("siblings-prev", "The alternative before", "previous", () => to(-1)),
      this.position,
      iconButton("siblings-next", "The next alternative", "next", () => to(1)),
    );
    this.regenerate = iconButton("regenerate", "Answer again", "again", () => run("regenerate", { id }));
    this.edit = iconButton("edit", "Edit", "edit", () => this.startEditing());
    this.remove = iconButton("forget", "Delete from here on", "remove", () => run("forget", { id }));
    this.remove.title = "Delete this message; ‹ 1/2 › brings it back";
    this.remove.setAttribute("aria-label", "Delete this message");
    const copy = copyButton("copy", "Copy the text", () => this.node.text);
    const tools = h("span", { className: "oai-tools" }, copy, this.edit, this.regenerate, this.remove);
    this.foot = h("div", { className: "oai-row oai-foot" }, this.turn, tools, this.numbers);
    const name = h("div", { className: "oai-role" }, NAMES[node.role] ?? node.role);
    this.element = h("article", { className: "oai-message", "data-oaikit": "message", "data-id": id }, name);
    this.element.dataset.role = node.role;
  }

  show(chat: ChatDocument, asTokens: boolean): void {
    const node = (this.node = chat.nodes[this.id]!);
    this.element.dataset.state = node.state ?? "done";
    this.others = siblings(chat, this.id);
    if (this.body instanceof AnswerView) {
      this.body.show(node as unknown as Answer, asTokens);
      setText(this.numbers, numbersLine(node as unknown as Answer));
    } else {
      this.body.show(node.text, true);
    }
    this.showRemedies(chat);
    this.showImages(node.images ?? []);
    setText(this.position, `${this.others.indexOf(this.id) + 1}/${this.others.length}`);
    this.turn.hidden = this.others.length < 2;
    this.regenerate.hidden = node.role !== "assistant";
    for (const each of [this.edit, this.remove]) each.hidden = !["user", "assistant"].includes(node.role);
    for (const each of [this.regenerate, this.edit, this.remove]) each.disabled = chat.busy;
    const content: Node[] = this.editor ? [this.editor.element] : [this.images, this.body.element, this.remedies];
    setChildren(this.element, [this.element.firstChild!, ...content, this.foot]);
  }

  startEditing(): void {
    if (this.editor || this.edit.disabled) return;
    const close = (): void => {
      this.editor = null;
      setChildren(this.element, [this.element.firstChild!, this.images, this.body.element, this.remedies, this.foot]);
      this.edit.focus();
    };
    this.editor = new Editor(this.node.text, this.node.role === "user" ? "Send" : "Save", close, (text) => {
      close();
      this.actions.run("edit", { id: this.id, text });
    });
    setChildren(this.element, [this.element.firstChild!, this.editor.element, this.foot]);
    this.editor.focus();
  }

  /** What helps after an answer that was cut off, where it is the last one. */
  private showRemedies(chat: ChatDocument): void {
    const { node } = this;
    const cut = node.finish_reason === "length" || node.full;
    const wanted = chat.leaf === this.id && !chat.busy && node.role === "assistant" && cut;
    this.remedies.hidden = !wanted;
    const key = wanted ? `${node.full} ${Boolean(node.text)} ${chat.params.max_tokens ?? ""}` : "";
    if (this.remedies.dataset.key === key) return;
    this.remedies.dataset.key = key;
    if (!wanted) return;
    const { run } = this.actions;
    const id = this.id;
    const limit = chat.params.max_tokens;
    const drop = button("drop-oldest", "Leave out the oldest turns", "Leave out the oldest turns", () => run("drop_oldest"));
    const more = button("go-on", "Continue this answer", "Continue", () => run("go_on", { id }));
    const raise = button("raise", `Set max_tokens to ${Number(limit) * 2}, and continue`, `max_tokens ${Number(limit) * 2}, and continue`, () =>
      run("go_on", { id, raise_limit: true }),
    );
    const full = h("span", {}, "The context is full.");
    setChildren(this.remedies, node.full ? [full, drop] : limit ? [more, raise] : [more]);
  }

  private showImages(urls: string[]): void {
    if (this.images.childElementCount === urls.length) return;
    const safe = urls.filter((url) => url.startsWith("data:image/"));
    setChildren(this.images, safe.map((url) => h("img", { src: url, alt: "An image in the message" })));
  }
}

class Editor {
  readonly element: HTMLElement;
  private area: HTMLTextAreaElement;

  constructor(text: string, verb: string, cancel: () => void, save: (text: string) => void) {
    this.area = h("textarea", {
      value: text,
      rows: Math.min(12, text.split("\n").length + 1),
      "aria-label": "Edit the message",
      "data-oaikit": "editor",
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === "Escape") {
          event.stopPropagation();
          cancel();
        } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          save(this.area.value);
        }
      },
    });
    const row = h(
      "div",
      { className: "oai-row" },
      button("editor-save", verb, verb, () => save(this.area.value), { className: "oai-primary" }),
      button("editor-cancel", "Cancel", "Cancel", cancel),
    );
    this.element = h("div", { className: "oai-editor" }, this.area, row);
  }

  focus(): void {
    this.area.focus();
    this.area.setSelectionRange(this.area.value.length, this.area.value.length);
  }
}
