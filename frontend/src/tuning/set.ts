/** A set of parameters: its name and buttons, its values, its answers. A row of the table, or a column. */

import { h, iconButton, setText } from "../dom";
import type { Control, TuningDocument, TuningRow } from "../types";
import { AnswerCell, ended } from "./answer";
import { ParameterCell } from "./parameter";

export interface SetActions {
  run: (name: string, args?: object) => void;
  stop: (row: string) => void;
  copy: (row: string) => void;
  loadMaths: () => Promise<string>;
  /** Go to the cell of a column in another set; whether there is one. */
  go: (row: string, step: number, name: string) => boolean;
}

export class SetView {
  readonly head: HTMLElement;
  private name = h("b");
  private start: HTMLButtonElement;
  private stop: HTMLButtonElement;
  private base: HTMLButtonElement;
  private parameters = new Map<string, ParameterCell>();
  private answers = new Map<string, AnswerCell>();
  private place = 0;

  constructor(
    private id: string,
    private actions: SetActions,
  ) {
    const { run } = actions;
    const row = id;
    this.start = iconButton("run", "Run this set (Ctrl+Enter)", "run", () => run("run", { row }));
    this.stop = iconButton("stop-set", "Stop this set", "stop", () => actions.stop(row), { className: "oai-stop" });
    this.base = iconButton("base", "Show how the others differ from this set", "differ", () =>
      run("set_base", { row: this.base.getAttribute("aria-pressed") === "true" ? null : row }),
    );
    const buttons = h(
      "span",
      { className: "oai-buttons" },
      this.start,
      this.stop,
      this.base,
      iconButton("up", "Move to the front (Alt+Up)", "up", () => this.move(-1)),
      iconButton("down", "Move to the back (Alt+Down)", "down", () => this.move(1)),
      iconButton("duplicate", "Duplicate", "duplicate", () => run("duplicate", { row })),
      iconButton("copy-set", "Copy this set as Python", "code", () => actions.copy(row)),
      iconButton("remove", "Remove", "close", () => run("remove", { row })),
    );
    this.head = h("th", { className: "oai-set", "data-oaikit": "set", "data-id": id }, this.name, buttons);
  }

  /** Bring the cells up to date; those of the values and those of the answers, in the table's order. */
  show(table: TuningDocument, row: TuningRow, place: number): HTMLElement[] {
    this.place = place;
    const name = `set ${place + 1}`;
    setText(this.name, `Set ${place + 1}`);
    this.head.setAttribute("scope", table.layout === "rows" ? "row" : "col");
    for (const each of this.head.querySelectorAll("button")) each.setAttribute("aria-label", `${each.title}: ${name}`);
    const answers = table.answers[row.id] ?? {};
    const running = Object.values(answers).some((answer) => !ended(answer));
    this.head.dataset.running = String(running);
    this.start.hidden = running;
    this.stop.hidden = !running;
    this.base.setAttribute("aria-pressed", String(table.base === row.id));
    const parameters = table.columns.map((column) => this.parameter(table, row, column, name));
    const cells = table.questions.map(({ id, title }) => {
      const cell = this.answer(id);
      const base = table.base === null ? undefined : table.answers[table.base]?.[id];
      cell.show(answers[id], base, [name, title].filter(Boolean).join(", "));
      return cell.element;
    });
    return [...parameters, ...cells];
  }

  focus(column: string): void {
    this.parameters.get(column)?.input.focus();
  }

  private move(step: number): void {
    this.actions.run("move", { row: this.id, to: Math.max(0, this.place + step) });
  }

  private parameter(table: TuningDocument, row: TuningRow, column: string, name: string): HTMLElement {
    const control = table.parameters.find((each) => each.name === column) ?? text(column);
    let cell = this.parameters.get(column);
    if (!cell) {
      cell = new ParameterCell(control, `${this.id}-${column}-${table.id}`, {
        set: (value) => this.actions.run("set", { row: this.id, name: column, value }),
        press: (event) => this.press(event, column),
      });
      this.parameters.set(column, cell);
    }
    cell.show(control, row, name);
    return cell.element;
  }

  private answer(question: string): AnswerCell {
    let cell = this.answers.get(question);
    if (!cell) {
      const { run, loadMaths } = this.actions;
      cell = new AnswerCell({
        loadMaths,
        vote: () => run("vote", { row: this.id, question }),
        note: (text) => run("note", { row: this.id, question, text }),
      });
      this.answers.set(question, cell);
    }
    return cell;
  }

  private press(event: KeyboardEvent, column: string): boolean {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    const cell = this.parameters.get(column)!;
    const step = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (step && altKey) {
      cell.commit();
      this.move(step);
    } else if (key === "Enter" && (ctrlKey || metaKey)) {
      cell.commit();
      this.actions.run("run", shiftKey ? {} : { row: this.id });
    } else if (key === "Enter" && !shiftKey) {
      cell.commit();
      this.actions.go(this.id, 1, column);
    } else if (step && cell.input instanceof HTMLInputElement) {
      return this.actions.go(this.id, step, column);
    } else {
      return false;
    }
    return true;
  }
}

/** A column of which nothing is known, such as one whose name no prompt has any more. */
function text(name: string): Control {
  return { name, help: "", control: "text", default: null, min: null, max: null, step: null, choices: null };
}
