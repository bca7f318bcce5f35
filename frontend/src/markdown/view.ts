/** Markdown that grows: blocks that are complete keep their nodes, only the last one is parsed again. */

import { button, copyText, h } from "../dom";
import { drawMaths } from "./maths";
import { blockEnds, render } from "./render";

/** So many characters of the open part are looked at for complete blocks; less would be found again and again. */
const SETTLE_EVERY = 200;

export class MarkdownView {
  readonly element = h("div", { className: "oai-markdown" });
  private text = "";
  private settled = 0;
  private open: ChildNode[] = [];
  private looked = 0;
  private complete = false;

  constructor(private loadMaths: () => Promise<string>) {}

  /** Show a text. One that goes on from what is shown costs as much as its last block. */
  show(text: string, complete: boolean): void {
    if (text === this.text && complete === this.complete) return;
    if (!text.startsWith(this.text.slice(0, this.settled))) this.clear();
    this.text = text;
    this.complete = complete;
    if (text.length - this.looked >= SETTLE_EVERY) this.settle();
    this.redraw(complete);
  }

  private clear(): void {
    this.element.replaceChildren();
    this.settled = this.looked = 0;
    this.open = [];
  }

  /** Take all but the last block for complete. A list or a quotation may go on after its last line, so it stays open. */
  private settle(): void {
    const rest = this.text.slice(this.settled);
    const ends = blockEnds(rest);
    const end = ends[ends.length - 2] ?? 0;
    this.looked = this.text.length;
    if (!end) return;
    this.drop();
    this.element.append(this.finish(render(rest.slice(0, end))));
    this.settled += end;
  }

  private redraw(complete: boolean): void {
    this.drop();
    const part = render(this.text.slice(this.settled));
    this.open = [...part.childNodes];
    this.element.append(complete ? this.finish(part) : part);
  }

  private drop(): void {
    for (const node of this.open) node.remove();
    this.open = [];
  }

  private finish(part: DocumentFragment): DocumentFragment {
    for (const code of part.querySelectorAll<HTMLElement>(".oai-code")) code.append(copyButton(code));
    const holder = h("div");
    const nodes = [...part.childNodes];
    holder.append(...nodes);
    void drawMaths(holder, this.loadMaths).catch(() => undefined);
    part.append(...nodes);
    return part;
  }
}

function copyButton(code: HTMLElement): HTMLButtonElement {
  const made: HTMLButtonElement = button("copy-code", "Copy the code", "Copy", async () => {
    const copied = await copyText(code.querySelector("code")?.textContent ?? "");
    made.textContent = copied ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (made.textContent = "Copy"), 1500);
  });
  return made;
}
