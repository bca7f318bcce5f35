/** A cell with the value of a parameter. */

import { h, setChildren, setText } from "../dom";
import type { Control, TuningRow } from "../types";

export interface ParameterActions {
  set: (value: unknown) => void;
  /** Keys that mean more than this cell; whether they did. */
  press: (event: KeyboardEvent) => boolean;
}

type Input = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

export class ParameterCell {
  readonly element: HTMLElement;
  readonly input: Input;
  private error: HTMLElement;
  private shown = "";

  constructor(
    private control: Control,
    id: string,
    private actions: ParameterActions,
  ) {
    this.input = this.make();
    this.error = h("div", { className: "oai-cell-error", id: `oai-${id}`, "data-oaikit": "cell-error" });
    this.element = h("td", { "data-oaikit": "cell", "data-name": control.name }, this.input);
  }

  show(control: Control, row: TuningRow, set: string): void {
    this.control = control;
    const { name } = control;
    const error = row.errors[name];
    const text = written(row.values[name]);
    const editing = document.activeElement === this.input && this.input.value !== this.shown;
    if (!editing) this.input.value = this.shown = text;
    this.input.setAttribute("aria-label", `${name} of ${set}`);
    this.input.setAttribute("aria-invalid", String(error !== undefined));
    if (!(this.input instanceof HTMLSelectElement)) this.input.placeholder = written(control.default) || "default";
    setText(this.error, error ?? "");
    if (error) this.input.setAttribute("aria-describedby", this.error.id);
    else this.input.removeAttribute("aria-describedby");
    setChildren(this.element, error ? [this.input, this.error] : [this.input]);
  }

  /** Send what was typed, if it is something else than what is shown. */
  commit = (): void => {
    if (this.input.value === this.shown) return;
    this.shown = this.input.value;
    this.actions.set(read(this.control, this.input.value));
  };

  private make(): Input {
    const { control, choices } = this.control;
    const common = { "data-oaikit": "cell-input", onchange: this.commit, onkeydown: this.press };
    if (control === "switch" || control === "choice") {
      const options = ["", ...(choices ?? ["true", "false"])];
      return h("select", common, ...options.map((value) => h("option", { value }, value || "–")));
    }
    if (control === "text") return h("textarea", { rows: 1, ...common });
    const inputMode = control === "json" ? "text" : "decimal";
    return h("input", { type: "text", inputMode, autocomplete: "off", spellcheck: false, ...common });
  }

  private press = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.key === "Escape" && this.input.value !== this.shown) {
      event.stopPropagation();
      this.input.value = this.shown;
    } else if (this.actions.press(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  };
}

/** How a value stands in a cell. */
export function written(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What was typed, for the kernel to judge; null for nothing. */
function read({ control }: Control, text: string): unknown {
  if (text === "") return null;
  if (control === "text" || control === "choice") return text;
  try {
    return JSON.parse(text) as unknown; // numbers, truth values, lists
  } catch {
    return control !== "json" && Number.isFinite(Number(text)) ? Number(text) : text; // .5
  }
}
