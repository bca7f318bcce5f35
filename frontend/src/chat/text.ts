/** A user's text as it was typed: no Markdown, and folded if it is long. */

import { h, setText } from "../dom";

const LONGEST = 1500; // characters that are shown unfolded
const MOST_LINES = 20;

export class PlainTextView {
  readonly element = h("div", { className: "oai-markdown oai-plain", dir: "auto" });
  private text = h("div", { className: "oai-typed" });
  private more = h("button", { type: "button", className: "oai-more", "data-oaikit": "unfold", onclick: () => this.toggle() });

  constructor() {
    this.element.append(this.text);
  }

  show(text: string): void {
    setText(this.text, text);
    const lines = text.split("\n").length;
    const long = text.length > LONGEST || lines > MOST_LINES;
    if (!long) {
      this.more.remove();
      delete this.element.dataset.folded;
    } else if (!this.more.isConnected || !this.element.contains(this.more)) {
      this.element.append(this.more);
      this.element.dataset.folded = "true";
      this.name();
    }
  }

  private toggle(): void {
    this.element.dataset.folded = String(this.element.dataset.folded !== "true");
    this.name();
  }

  private name(): void {
    const folded = this.element.dataset.folded === "true";
    const length = (this.text.textContent ?? "").length.toLocaleString();
    setText(this.more, folded ? `Show all (${length} characters)` : "Show less");
    this.more.setAttribute("aria-expanded", String(!folded));
  }
}
