/** The panel of a chat: its model, its system prompt, and a control for every sampling parameter. */

import { h, iconButton } from "../dom";
import type { ChatDocument, Control } from "../types";

type Run = (name: string, args?: object) => void;

/** Those that people change most stand at the top; the rest is folded. */
const FIRST = ["temperature", "max_tokens", "top_p", "top_k", "min_p", "seed", "stop", "n", "logprobs"];

export class Settings {
  readonly element: HTMLElement;
  private system: HTMLTextAreaElement;
  private model: HTMLSelectElement;
  private rows = new Map<string, Row>();
  private first = h("div", { className: "oai-params" });
  private rest = h("div", { className: "oai-params" });
  private known = "";

  constructor(private run: Run) {
    this.model = h("select", {
      "data-oaikit": "model",
      "aria-label": "Model",
      onchange: () => run("set_model", { model: this.model.value }),
    });
    this.system = h("textarea", {
      rows: 2,
      placeholder: "You are…",
      "data-oaikit": "system",
      "aria-label": "System prompt",
      onchange: () => run("set_system", { text: this.system.value }),
    });
    this.element = h(
      "div",
      { className: "oai-settings", "data-oaikit": "settings-panel", hidden: true },
      h("label", { className: "oai-field" }, "Model", this.model),
      h("label", { className: "oai-field" }, "System prompt", this.system),
      this.first,
      h("details", {}, h("summary", {}, "More parameters"), this.rest),
    );
  }

  show(chat: ChatDocument): void {
    this.showModels(chat);
    if (document.activeElement !== this.system && this.system.value !== chat.system) this.system.value = chat.system;
    const names = chat.parameters.map((each) => each.name).join();
    if (names !== this.known) this.build(chat.parameters);
    this.known = names;
    for (const control of chat.parameters) this.rows.get(control.name)?.show(control, chat.params[control.name]);
  }

  private showModels(chat: ChatDocument): void {
    const names = chat.models.includes(chat.model) ? chat.models : [chat.model, ...chat.models].filter(Boolean);
    const shown = [...this.model.options].map((option) => option.value);
    if (names.join("\n") !== shown.join("\n")) {
      this.model.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    }
    this.model.value = chat.model;
  }

  private build(controls: Control[]): void {
    this.rows.clear();
    const place = (control: Control): number => FIRST.indexOf(control.name);
    const make = (control: Control): HTMLElement => {
      const row = new Row(control, this.run);
      this.rows.set(control.name, row);
      return row.element;
    };
    const first = controls.filter((each) => place(each) >= 0).sort((a, b) => place(a) - place(b));
    this.first.replaceChildren(...first.map(make));
    this.rest.replaceChildren(...controls.filter((each) => place(each) < 0).map(make));
  }
}

class Row {
  readonly element: HTMLElement;
  private inputs: (HTMLInputElement | HTMLSelectElement)[] = [];
  private reset: HTMLButtonElement;
  private value: unknown;
  /** Something was typed that has not been sent: what the kernel says meanwhile must not take it away. */
  private typed = false;

  constructor(
    private control: Control,
    private run: Run,
  ) {
    const { name, help } = control;
    const events = { oninput: () => (this.typed = true), onfocusout: () => this.leave() };
    const value = h("span", { className: "oai-value", ...events }, ...this.make());
    this.reset = iconButton("param-reset", `Reset ${name}`, "close", () => run("set_param", { name, value: null }));
    this.element = h(
      "div",
      { className: "oai-param", "data-oaikit": "param", "data-name": name, title: help },
      h("span", { className: "oai-param-name" }, name),
      value,
      this.reset,
    );
  }

  show(control: Control, value: unknown): void {
    this.control = control;
    this.value = value;
    const set = value !== undefined;
    this.element.dataset.set = String(set);
    this.reset.style.visibility = set ? "visible" : "hidden";
    if (this.typed) return;
    const shown = set ? value : control.default;
    for (const input of this.inputs) {
      if (input instanceof HTMLInputElement && input.type === "checkbox") input.checked = shown === true;
      else input.value = shown === null || shown === undefined ? "" : written(control, shown);
      if (input instanceof HTMLInputElement) input.setCustomValidity("");
    }
  }

  private make(): HTMLElement[] {
    const { control, min, max, step, choices, name } = this.control;
    const common = { "aria-label": name, "data-oaikit": "param-input" };
    const numeric = { ...common, min: min ?? "", max: max ?? "", step: step ?? "any" };
    const onchange = (event: Event): void => this.change(event.target as HTMLInputElement);
    switch (control) {
      case "slider": {
        const number = h("input", { type: "number", onchange, ...numeric });
        const range = h("input", {
          type: "range",
          onchange,
          oninput: () => (number.value = range.value),
          ...numeric,
          "data-oaikit": "param-slider",
        });
        this.inputs = [range, number];
        break;
      }
      case "number":
        this.inputs = [h("input", { type: "number", onchange, ...numeric })];
        break;
      case "switch":
        this.inputs = [h("input", { type: "checkbox", onchange, ...common })];
        break;
      case "choice": {
        const options = ["", ...(choices ?? [])].map((choice) => h("option", { value: choice }, choice || "—"));
        this.inputs = [h("select", { onchange, ...common }, ...options)];
        break;
      }
      default:
        this.inputs = [h("input", { type: "text", onchange, placeholder: control === "json" ? "JSON" : "", ...common })];
    }
    return this.inputs;
  }

  private change(input: HTMLInputElement | HTMLSelectElement): void {
    const { name } = this.control;
    const value = read(this.control, input);
    input.setCustomValidity(value === undefined ? `${name} must be JSON` : "");
    if (value === undefined) {
      input.reportValidity();
      return;
    }
    this.typed = false;
    this.run("set_param", { name, value });
  }

  /** What was typed and taken back is no change: nothing was sent. What is no JSON stays, to be mended. */
  private leave(): void {
    if (!this.typed || this.inputs.some((input) => input.validity.customError)) return;
    this.typed = false;
    this.show(this.control, this.value);
  }
}

/** How a value stands in a control. */
function written({ control }: Control, value: unknown): string {
  if (control === "json") return JSON.stringify(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The value of a control; null for an empty one, undefined for what is no JSON. */
function read({ control }: Control, input: HTMLInputElement | HTMLSelectElement): unknown {
  if (control === "switch") return (input as HTMLInputElement).checked;
  if (input.value === "") return null;
  if (control === "slider" || control === "number") return Number(input.value);
  if (control !== "json") return input.value;
  try {
    return JSON.parse(input.value) as unknown;
  } catch {
    return undefined;
  }
}

/** A line that says what was set, for those who have the panel folded. */
export function summary(chat: ChatDocument): string {
  return Object.entries(chat.params)
    .map(([name, value]) => `${name} ${typeof value === "object" ? "…" : String(value)}`)
    .join(", ");
}
