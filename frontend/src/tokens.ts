/** Tokens coloured by their probability, with the alternatives to each on hover and focus. */

import { button, h } from "./dom";
import type { Token } from "./types";

type Choose = (position: number, token: string) => void;

export class TokensView {
  readonly element = h("div", { className: "oai-tokens", "data-oaikit": "tokens" });
  private shown = 0;
  private popover: HTMLElement | null = null;

  /** `choose`: what a click on an alternative does; null if it does nothing. */
  constructor(private choose: Choose | null) {
    this.element.addEventListener("pointerleave", () => this.hide());
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.popover) {
        event.stopPropagation();
        this.hide();
      }
    });
  }

  /** Show these; more of them than before are added, another list takes the place of the old one. */
  show(tokens: Token[]): void {
    if (tokens.length < this.shown) {
      this.element.replaceChildren();
      this.shown = 0;
    }
    for (const [position, token] of tokens.entries()) {
      if (position >= this.shown) this.element.append(this.span(position, token));
    }
    this.shown = tokens.length;
  }

  private span(position: number, token: Token): HTMLElement {
    const [text, logprob] = token;
    const probability = logprob === null ? null : Math.exp(logprob);
    const open = (): void => this.open(made, position, token);
    const made = h(
      "span",
      {
        className: "oai-token",
        tabIndex: 0,
        role: "button",
        "aria-label": `${JSON.stringify(text)}, ${percent(probability)}`,
        onpointerenter: open,
        onfocus: open,
      },
      text,
    );
    if (probability !== null) made.style.setProperty("--oai-doubt", String(1 - probability));
    return made;
  }

  private open(span: HTMLElement, position: number, [text, , alternatives]: Token): void {
    this.hide();
    const rows = alternatives.map(([other, logprob]) => {
      const share = Math.exp(logprob);
      const label = `${JSON.stringify(other)} ${percent(share)}`;
      const bar = h("span", { className: "oai-share" });
      bar.style.width = `${Math.round(share * 100)}%`;
      const face = h("span", {}, h("code", {}, visible(other)), ` ${percent(share)}`, bar);
      if (!this.choose || other === text) return h("div", { className: "oai-alternative" }, face);
      const go = this.choose;
      return button("alternative", `Go on from here with ${label}`, face, () => go(position, other), {
        className: "oai-alternative",
      });
    });
    this.popover = h("span", { className: "oai-popover", role: "tooltip", popover: "manual" }, ...rows);
    span.after(this.popover);
    this.popover.showPopover?.(); // above all else: the output of a cell clips what goes beyond it
    const { left, top, bottom } = span.getBoundingClientRect();
    const height = this.popover.offsetHeight;
    this.popover.style.left = `${Math.max(0, left - 24)}px`;
    this.popover.style.top = `${bottom + height <= innerHeight ? bottom : Math.max(0, top - height)}px`;
  }

  private hide(): void {
    this.popover?.remove();
    this.popover = null;
  }
}

function percent(probability: number | null): string {
  return probability === null ? "" : `${(probability * 100).toFixed(probability < 0.1 ? 1 : 0)} %`;
}

/** Spaces and line ends as signs that can be seen. */
function visible(text: string): string {
  return text.replaceAll("\n", "⏎").replaceAll(" ", "·") || "∅";
}
