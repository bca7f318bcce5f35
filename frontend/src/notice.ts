/** The banner of a view: what went wrong in the browser, or what the document says, until it is closed. */

import { h, iconButton, setText } from "./dom";

export class Notice {
  readonly element: HTMLElement;
  private text = h("span", { "data-oaikit": "notice-text" });
  private failure: string | null = null;
  private said: string | null = null;
  private dismissed: string | null = null;

  /** `redraw` draws the whole view, which has this `show`: a command that failed has left it half way. */
  constructor(private redraw: () => void) {
    this.element = h(
      "div",
      { className: "oai-notice", role: "alert", "data-oaikit": "notice", hidden: true },
      this.text,
      iconButton("notice-close", "Close", "close", () => this.dismiss()),
    );
  }

  /** `said` is the document's notice. */
  show(said: string | null): void {
    this.said = said;
    if (said === null) this.dismissed = null;
    const text = this.failure ?? (said === this.dismissed ? null : said);
    this.element.hidden = text === null;
    setText(this.text, text ?? "");
  }

  fail = (error: Error): void => {
    this.failure = error.message;
    this.redraw();
  };

  /** What went wrong is of no account any more: the next `show` leaves it out. */
  forget(): void {
    this.failure = null;
  }

  private dismiss(): void {
    this.failure = null;
    this.dismissed = this.said;
    this.redraw();
  }
}
