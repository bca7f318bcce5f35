/** A cell with an answer: as it is, or how it differs from another; its numbers, and what its reader says of it. */

import { AnswerView, numbersLine } from "../answer";
import { h, iconButton, setChildren, setText } from "../dom";
import type { TuningAnswer } from "../types";
import { differences } from "./diff";

export interface AnswerActions {
  loadMaths: () => Promise<string>;
  vote: () => void;
  note: (text: string) => void;
}

export class AnswerCell {
  readonly element = h("td", { className: "oai-cell", "data-oaikit": "answer" });
  private answer: AnswerView;
  private diff = h("div", { className: "oai-diff", "data-oaikit": "diff" });
  private compared = "";
  private numbers = h("span", { className: "oai-numbers", "data-oaikit": "numbers" });
  private stale = h("div", { className: "oai-numbers", "data-oaikit": "stale" }, "Of settings that have changed since");
  private vote: HTMLButtonElement;
  private note: HTMLInputElement;
  private foot: HTMLElement;
  private empty = h("span", { className: "oai-numbers" }, "not run yet");

  constructor(actions: AnswerActions) {
    this.answer = new AnswerView({ loadMaths: actions.loadMaths, choose: null, approve: null });
    this.vote = iconButton("vote", "The best answer", "star", actions.vote);
    this.note = h("input", {
      type: "text",
      placeholder: "Note",
      "data-oaikit": "note",
      onchange: () => actions.note(this.note.value),
      onkeydown: (event: KeyboardEvent) => event.key === "Enter" && actions.note(this.note.value),
    });
    this.foot = h("div", { className: "oai-row" }, this.vote, this.note);
  }

  /** `base` is the answer that this one is compared with, if there is one. */
  show(answer: TuningAnswer | undefined, base: TuningAnswer | undefined, label: string): void {
    this.element.dataset.state = answer?.state ?? "";
    this.element.dataset.winner = String(answer?.winner ?? false);
    if (!answer) {
      setChildren(this.element, [this.empty]);
      return;
    }
    const over = ended(answer);
    const compare = base && base !== answer && over && ended(base) && answer.text;
    if (compare) this.compare(base.text, answer.text);
    this.answer.show(answer, false);
    setText(this.numbers, line(answer));
    this.judge(answer, label);
    const parts: Node[] = [compare ? this.diff : this.answer.element, this.numbers];
    if (answer.stale) parts.push(this.stale);
    if (over) parts.push(this.foot);
    setChildren(this.element, parts);
  }

  private judge(answer: TuningAnswer, label: string): void {
    this.vote.setAttribute("aria-pressed", String(answer.winner));
    this.vote.setAttribute("aria-label", `The best answer: ${label}`);
    this.note.setAttribute("aria-label", `Note on the answer of ${label}`);
    if (document.activeElement !== this.note) this.note.value = answer.note;
  }

  private compare(base: string, text: string): void {
    const compared = JSON.stringify([base, text]);
    if (compared === this.compared) return;
    this.compared = compared;
    const pieces = differences(base, text).flatMap(([lost, found, same]): (Node | string)[] =>
      same ? [found] : [lost ? h("del", {}, lost) : "", found ? h("ins", {}, found) : ""],
    );
    this.diff.replaceChildren(...pieces);
  }
}

export function ended(answer: TuningAnswer | undefined): boolean {
  return answer !== undefined && answer.state !== "waiting" && answer.state !== "streaming";
}

function line(answer: TuningAnswer): string {
  const { mean_logprob } = answer.numbers;
  const said = numbersLine({ ...answer, model: "" });
  return mean_logprob === null ? said : `${said} · mean log-probability ${mean_logprob.toFixed(3)}`;
}
