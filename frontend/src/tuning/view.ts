/** The view of `ok.TuningTable`. */

import { button, copyText, download, h, iconButton, setChildren, setText } from "../dom";
import type { Store } from "../document";
import { Notice } from "../notice";
import type { TuningDocument } from "../types";
import { ended } from "./answer";
import { written } from "./parameter";
import { Prompts } from "./prompts";
import { SetView } from "./set";

export class TuningView {
  readonly element: HTMLElement;
  private fixed = h("span", { className: "oai-summary" });
  private add: HTMLSelectElement;
  private layout: HTMLButtonElement;
  private start: HTMLButtonElement;
  private stopAll: HTMLButtonElement;
  private notice = new Notice(() => this.draw());
  private prompts: Prompts;
  private head = h("thead");
  private body = h("tbody");
  private sets = new Map<string, SetView>();
  private titles = new Map<string, HTMLElement>();
  private lines: HTMLTableRowElement[] = [];
  private announcer = h("div", { className: "oai-offscreen", "aria-live": "polite", "data-oaikit": "announcer" });
  private running: string[] | null = null;

  constructor(private store: Store<TuningDocument>) {
    this.prompts = new Prompts(this.run);
    this.add = h("select", {
      "data-oaikit": "add-column",
      "aria-label": "Add a parameter",
      onchange: () => this.run("add_column", { name: this.add.value }),
    });
    this.layout = iconButton("layout", "Switch rows and columns", "swap", () =>
      this.run("set_layout", { layout: this.store.document.layout === "rows" ? "columns" : "rows" }),
    );
    this.start = button("run-all", "Run all sets (Ctrl+Shift+Enter)", "Run all", () => this.run("run"), {
      className: "oai-primary",
    });
    this.stopAll = button("stop", "Stop (Esc)", "Stop", () => this.stop(), { className: "oai-stop" });
    const head = h(
      "div",
      { className: "oai-head oai-row" },
      h("span", { className: "oai-title" }, "Tuning table"),
      this.fixed,
      button("add", "Another set of parameters", "+ Set", () => this.run("add")),
      this.add,
      this.layout,
      button("copy-python", "Copy as Python", "Copy as Python", () => void this.copy(null)),
      this.start,
      this.stopAll,
    );
    const table = h("table", { className: "oai-table", "data-oaikit": "table" }, this.head, this.body);
    table.setAttribute("aria-label", "Sets of parameters and their answers");
    this.element = h(
      "div",
      { className: "oai oai-tuning", role: "group", "aria-label": "Tuning table", onkeydown: this.press },
      head,
      this.notice.element,
      this.prompts.element,
      h("div", { className: "oai-scroll" }, table),
      this.announcer,
    );
  }

  draw = (): void => {
    const table = this.store.document;
    const focused = document.activeElement as HTMLElement | null;
    this.element.dataset.busy = String(table.busy);
    const fixed = Object.entries(table.fixed).map(([name, value]) => `${name} ${written(value)}`);
    setText(this.fixed, fixed.join(", "));
    this.fixed.title = this.fixed.textContent ?? "";
    this.stopAll.hidden = !table.busy;
    this.layout.setAttribute("aria-pressed", String(table.layout === "columns"));
    this.showChoices(table);
    this.notice.show(table.notice);
    this.prompts.show(table);
    this.showTable(table);
    this.announce(table);
    // What is moved loses the focus.
    if (focused && focused !== document.activeElement && this.element.contains(focused)) focused.focus();
  };

  // -- the table -------------------------------------------------------------------------------------------------

  private showTable(table: TuningDocument): void {
    const heads: HTMLElement[] = [];
    const cells = table.rows.map((row, place) => {
      const set = this.set(row.id);
      heads.push(set.head);
      return set.show(table, row, place);
    });
    for (const id of this.sets.keys()) if (!table.rows.some((row) => row.id === id)) this.sets.delete(id);
    const titles = [
      ...table.columns.map((name) => this.columnTitle(table, name)),
      ...table.questions.map(({ id, title }) => this.title(id, title || "Answer")),
    ];
    const corner = this.title("", "");
    for (const title of titles) title.setAttribute("scope", table.layout === "rows" ? "col" : "row");
    const lines =
      table.layout === "rows"
        ? [[corner, ...titles], ...cells.map((each, place) => [heads[place]!, ...each])]
        : [[corner, ...heads], ...titles.map((title, place) => [title, ...cells.map((each) => each[place]!)])];
    while (this.lines.length < lines.length) this.lines.push(h("tr"));
    lines.forEach((line, place) => setChildren(this.lines[place]!, line));
    setChildren(this.head, this.lines.slice(0, 1));
    setChildren(this.body, this.lines.slice(1, lines.length));
  }

  private set(id: string): SetView {
    let set = this.sets.get(id);
    if (!set) {
      set = new SetView(id, {
        run: this.run,
        stop: (row) => this.stop(row),
        copy: (row) => void this.copy(row),
        loadMaths: () => this.store.mathsCode(),
        go: this.go,
      });
      this.sets.set(id, set);
    }
    return set;
  }

  private title(key: string, text: string): HTMLElement {
    let title = this.titles.get(key);
    if (!title) this.titles.set(key, (title = h(key ? "th" : "td", {}, h("span"))));
    setText(title.firstChild!, text);
    return title;
  }

  private columnTitle(table: TuningDocument, name: string): HTMLElement {
    const title = this.title(`column ${name}`, name);
    title.title = table.parameters.find((each) => each.name === name)?.help ?? "";
    if (title.childElementCount === 1) {
      title.append(
        iconButton("remove-column", `Remove ${name}`, "close", () => this.run("remove_column", { name }), {
          "data-name": name,
        }),
      );
    }
    return title;
  }

  private showChoices(table: TuningDocument): void {
    const names = table.parameters.map((each) => each.name).filter((name) => !table.columns.includes(name));
    const shown = [...this.add.options].slice(1).map((option) => option.value);
    if (!this.add.options.length || names.join("\n") !== shown.join("\n")) {
      const options = names.map((name) => h("option", { value: name }, name));
      this.add.replaceChildren(h("option", { value: "" }, "+ Parameter"), ...options);
    }
    if (document.activeElement !== this.add || table.columns.includes(this.add.value)) this.add.value = "";
  }

  private go = (row: string, step: number, name: string): boolean => {
    const { rows } = this.store.document;
    const next = rows[rows.findIndex((each) => each.id === row) + step];
    if (next) this.sets.get(next.id)?.focus(name);
    return next !== undefined;
  };

  // -- commands --------------------------------------------------------------------------------------------------

  private run = (name: string, args: object = {}): void => {
    this.notice.forget();
    this.store.command(name, args).catch(this.notice.fail);
  };

  /** Stop what a set asks, or everything. */
  private stop(row: string | null = null): void {
    const { stop, answers } = this.store.document;
    const tokens = Object.values(row === null ? {} : (answers[row] ?? {})).flatMap(({ abort }) => abort ?? []);
    // A set is stopped by its tokens alone: a cell that waits for all sets goes on waiting for the others.
    this.store.stop(row === null ? stop : { tokens, kernel: null }, { row }).catch(this.notice.fail);
  }

  private async copy(row: string | null): Promise<void> {
    try {
      const text = await this.store.command<string>("export", { row });
      if (await copyText(text)) setText(this.announcer, "Copied");
      else download("tuning.py", text);
    } catch (error) {
      this.notice.fail(error as Error);
    }
  }

  private press = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.store.document.busy) {
      event.preventDefault();
      this.stop();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.shiftKey) {
      event.preventDefault();
      this.run("run");
    }
  };

  // -- what is said ----------------------------------------------------------------------------------------------

  /** Tell a screen reader which sets have ended since the last time. */
  private announce(table: TuningDocument): void {
    const running = table.rows.filter((row) =>
      Object.values(table.answers[row.id] ?? {}).some((answer) => !ended(answer)),
    );
    const ids = running.map((row) => row.id);
    const over = (this.running ?? []).filter((id) => !ids.includes(id));
    const names = over.map((id) => table.rows.findIndex((row) => row.id === id) + 1).filter((place) => place > 0);
    if (names.length) setText(this.announcer, `Set ${names.join(", ")}: the answers are complete`);
    this.running = ids;
  }
}
