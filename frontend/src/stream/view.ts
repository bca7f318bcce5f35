/** The view of `ok.stream`: answers side by side. */

import { AnswerView, numbersLine } from "../answer";
import type { Store } from "../document";
import { button, h, setChildren, setText } from "../dom";
import type { StreamDocument } from "../types";

export class StreamView {
  readonly element = h("div", { className: "oai oai-stream", role: "group", "aria-label": "Answers" });
  private columns: Column[] = [];

  constructor(private store: Store<StreamDocument>) {}

  draw = (): void => {
    const { columns, stop } = this.store.document;
    while (this.columns.length < columns.length) this.columns.push(new Column(this.store, this.columns.length));
    columns.forEach((column, index) => this.columns[index]!.show(column, stop !== null, columns.length > 1));
    setChildren(this.element, this.columns.map((column) => column.element));
  };
}

class Column {
  readonly element: HTMLElement;
  private label = h("div", { className: "oai-label" });
  private answer: AnswerView;
  private numbers = h("span", { className: "oai-numbers", "data-oaikit": "numbers" });
  private stop: HTMLButtonElement;
  private foot = h("div", { className: "oai-row oai-foot" }, this.numbers);

  constructor(store: Store<StreamDocument>, index: number) {
    this.answer = new AnswerView({ loadMaths: () => store.mathsCode(), choose: null, approve: null });
    this.stop = button("stop", "Stop", "Stop", () => {
      const { stop } = store.document;
      const tokens = stop?.tokens[index];
      void store.stop(stop && tokens ? { ...stop, tokens: [tokens] } : stop, { column: index }).catch(() => undefined);
    });
    this.element = h("section", { className: "oai-column", "data-oaikit": "column" });
  }

  show(column: StreamDocument["columns"][number], running: boolean, several: boolean): void {
    const live = running && (column.state === "waiting" || column.state === "streaming");
    this.element.dataset.state = column.state;
    setText(this.label, column.label || (several ? column.prompt : ""));
    this.answer.show(column, column.tokens.length > 0);
    setText(this.numbers, numbersLine(column));
    setChildren(this.foot, live ? [this.numbers, this.stop] : [this.numbers]);
    const head = this.label.textContent ? [this.label] : [];
    setChildren(this.element, [...head, this.answer.element, this.foot]);
  }
}
