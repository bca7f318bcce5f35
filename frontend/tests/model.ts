import type { FromKernel, Model } from "../src/types";

/** The kernel's side of a widget's model, played by a test. */
export class TestModel implements Model {
  sent: any[] = [];
  widget_manager?: Model["widget_manager"];
  private listeners: [string, (...args: any[]) => void][] = [];

  constructor(private traits: Record<string, any>) {}

  get(name: string): any {
    return this.traits[name];
  }
  set(name: string, value: unknown): void {
    this.traits[name] = value;
    for (const [event, listener] of this.listeners) if (event === `change:${name}`) listener();
  }
  on(event: string, listener: (...args: any[]) => void): void {
    this.listeners.push([event, listener]);
  }
  off(event: string, listener: (...args: any[]) => void): void {
    this.listeners = this.listeners.filter(([name, known]) => name !== event || known !== listener);
  }
  send(content: object): void {
    this.sent.push(content);
  }
  says(message: FromKernel): void {
    for (const [event, listener] of this.listeners) if (event === "msg:custom") listener(message);
  }
  sets(document: object): void {
    this.set("document", document);
  }
  commands(name: string): any[] {
    return this.sent.filter((message) => message.type === "command" && message.name === name);
  }
  answers(name: string, value: unknown, error: string | null = null): void {
    this.says({ type: "result", id: this.commands(name).at(-1).id, value, error });
  }
}

/** Until what was changed has been drawn. */
export const drawn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40));

export const part = (element: Element, name: string): HTMLElement =>
  element.querySelector<HTMLElement>(`[data-oaikit="${name}"]`)!;
