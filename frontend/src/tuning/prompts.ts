/** What the rows of a tuning table are asked: the prompts, and the values for the names in their braces. */

import { button, h, iconButton, setChildren, setText } from "../dom";
import type { TuningDocument, TuningItem, TuningPrompt } from "../types";

type Run = (name: string, args?: object) => void;

export class Prompts {
  readonly element: HTMLElement;
  private list = h("div", { className: "oai-prompts" });
  private prompts = new Map<string, PromptView>();
  private values = h("table", { className: "oai-values", "aria-label": "Values for the names in braces" });
  private head = h("thead");
  private body = h("tbody");
  private items = new Map<string, ItemView>();
  private addItem: HTMLButtonElement;
  private addPrompt: HTMLButtonElement;

  constructor(private run: Run) {
    this.addPrompt = button("add-prompt", "Another prompt", "+ Prompt", () => run("add_prompt"));
    this.addItem = button("add-item", "Another line of values", "+ Values", () => run("add_item"));
    this.values.append(this.head, this.body);
    const more = h("div", { className: "oai-row" }, this.addPrompt, this.addItem);
    this.element = h("div", { className: "oai-asked" }, this.list, this.values, more);
  }

  show(table: TuningDocument): void {
    const views = table.prompts.map((prompt, place) => {
      const view = this.prompts.get(prompt.id) ?? new PromptView(prompt, this.run);
      this.prompts.set(prompt.id, view);
      view.show(prompt, table.prompts.length > 1 ? `Prompt ${place + 1}` : "Prompt", table.prompts.length > 1);
      return view.element;
    });
    setChildren(this.list, views);
    this.addPrompt.hidden = !table.prompts.every((prompt) => prompt.editable);
    this.values.hidden = this.addItem.hidden = !table.variables.length;
    if (table.variables.length) this.showItems(table);
  }

  private showItems({ items, variables }: TuningDocument): void {
    const titles = [...this.head.querySelectorAll("th")].map((each) => each.textContent);
    const wanted = ["item", ...variables, ""];
    if (titles.join("\n") !== wanted.join("\n")) {
      this.head.replaceChildren(h("tr", {}, ...wanted.map((title) => h("th", { scope: "col" }, title))));
    }
    const views = items.map((item) => {
      const view = this.items.get(item.id) ?? new ItemView(item.id, this.run);
      this.items.set(item.id, view);
      view.show(item, variables, items.length > 1);
      return view.element;
    });
    setChildren(this.body, views);
  }
}

class PromptView {
  readonly element: HTMLElement;
  private title = h("span");
  private area: HTMLTextAreaElement;
  private error = h("div", { className: "oai-cell-error", role: "alert", "data-oaikit": "prompt-error" });
  private remove: HTMLButtonElement;
  private shown = "";

  constructor({ id }: TuningPrompt, run: Run) {
    const commit = (): void => {
      if (this.area.value === this.shown) return;
      this.shown = this.area.value;
      run("set_prompt", { prompt: id, text: this.area.value });
    };
    this.area = h("textarea", {
      rows: 2,
      placeholder: "What every set is asked; {name} stands for a value",
      "data-oaikit": "prompt",
      onchange: commit,
      onkeydown: (event: KeyboardEvent) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && commit(),
    });
    this.remove = iconButton("remove-prompt", "Remove this prompt", "close", () => run("remove_prompt", { prompt: id }));
    const head = h("div", { className: "oai-row" }, this.title, this.remove);
    this.element = h("div", { className: "oai-field" }, head, this.area);
  }

  show(prompt: TuningPrompt, title: string, several: boolean): void {
    setText(this.title, title);
    this.area.setAttribute("aria-label", title);
    this.area.setAttribute("aria-invalid", String(prompt.error !== null));
    this.area.readOnly = !prompt.editable;
    this.remove.hidden = !several;
    const editing = document.activeElement === this.area && this.area.value !== this.shown;
    if (!editing) this.area.value = this.shown = prompt.text;
    setText(this.error, prompt.error ?? "");
    const [head] = this.element.children;
    setChildren(this.element, prompt.error === null ? [head!, this.area] : [head!, this.area, this.error]);
  }
}

class ItemView {
  readonly element = h("tr", { "data-oaikit": "item" });
  private name = h("th", { scope: "row" });
  private inputs = new Map<string, HTMLInputElement>();
  private remove: HTMLButtonElement;

  constructor(
    private id: string,
    private run: Run,
  ) {
    this.remove = iconButton("remove-item", "Remove these values", "close", () => run("remove_item", { item: id }));
  }

  show(item: TuningItem, variables: string[], several: boolean): void {
    setText(this.name, item.name);
    this.remove.hidden = !several;
    const cells = variables.map((name) => {
      let input = this.inputs.get(name);
      if (!input) this.inputs.set(name, (input = this.make(name)));
      input.setAttribute("aria-label", `${name} of item ${item.name}`);
      if (document.activeElement !== input) input.value = item.values[name] ?? "";
      return input.parentElement!;
    });
    setChildren(this.element, [this.name, ...cells, this.remove.parentElement ?? h("td", {}, this.remove)]);
  }

  private make(name: string): HTMLInputElement {
    const input = h("input", {
      type: "text",
      "data-oaikit": "variable",
      "data-name": name,
      onchange: () => this.run("set_variable", { item: this.id, name, value: input.value || null }),
    });
    h("td", {}, input);
    return input;
  }
}
