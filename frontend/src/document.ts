/** The browser's copy of a live document: one per widget model, shared by all its views. */

import type { FromKernel, Model, Op, Path, Stop } from "./types";
import { connection, send } from "./kernel";
import { stopAtServer } from "./stop";

type Listener = () => void;

/** A kernel that a running cell holds up still sends the document within 24 s of its making. */
const SILENT_MS = 30_000;

/** Apply one change. `appended` is the path of the last "+" that had one; the path of this one is returned. */
export function apply(document: any, op: Op, appended: Path): Path {
  const [kind] = op;
  const path = kind === "+" && op.length === 2 ? appended : (op[1] as Path);
  let container = document;
  for (const key of path.slice(0, -1)) container = container[key];
  const key = path[path.length - 1]!;
  switch (kind) {
    case "=":
      container[key] = op[2];
      break;
    case "-":
      delete container[key];
      break;
    case "+":
      container[key] += op.length === 2 ? op[1] : op[2];
      return path;
    case ">":
      container[key].push(...op[2]);
  }
  return appended;
}

export class Store<T extends object> {
  document: T;
  /** The kernel that owns the document has ended, or never answered. */
  gone = false;
  private seq = 0;
  private appended: Path = [];
  private lost = false;
  private listeners = new Set<Listener>();
  private drawing = false;
  private commands = Math.floor(Math.random() * 2 ** 40); // two pages must not take each other's results
  private waiting = new Map<number, (message: { value: unknown; error: string | null }) => void>();
  private maths: ((code: string) => void)[] = [];
  private silence: ReturnType<typeof setTimeout>;

  constructor(private model: Model) {
    this.document = structuredClone(model.get("document")) as T;
    model.on("msg:custom", this.hear);
    // The end of a turn; also what a page without a kernel has.
    model.on("change:document", this.take);
    this.send({ type: "ready" });
    this.silence = setTimeout(() => this.end(), SILENT_MS);
    connection(model)?.statusChanged?.connect(this.followKernel);
  }

  private send(message: object): void {
    send(this.model, message);
  }

  close(): void {
    clearTimeout(this.silence);
    connection(this.model)?.statusChanged?.disconnect(this.followKernel);
    this.model.off("msg:custom", this.hear);
    this.model.off("change:document", this.take);
  }

  /** Call a function now, and whenever there is something new to draw, at most once a frame. */
  watch(listener: Listener): () => void {
    this.listeners.add(listener);
    listener();
    return () => this.listeners.delete(listener);
  }

  /** Ask the kernel for something; what it answers. Throws what went wrong, as a text for the user. */
  async command<R = unknown>(name: string, args: object = {}): Promise<R> {
    const id = ++this.commands;
    const answer = new Promise<{ value: unknown; error: string | null }>((resolve) =>
      this.waiting.set(id, resolve),
    );
    this.send({ type: "command", id, name, args });
    const { value, error } = await answer;
    if (error !== null) throw new Error(error);
    return value as R;
  }

  /** Stop by both ways: the kernel may be busy. */
  stop(stop: Stop | null, args: object = {}): Promise<unknown> {
    if (stop) void stopAtServer(stop);
    return this.command("stop", args);
  }

  /** The source of the part that draws formulas. */
  mathsCode(): Promise<string> {
    return new Promise((resolve) => {
      if (this.maths.push(resolve) === 1) this.send({ type: "maths" });
    });
  }

  private followKernel = (_: unknown, status: string): void => {
    if (["restarting", "autorestarting", "dead", "terminating"].includes(status)) this.end();
  };

  private end(): void {
    this.gone = true;
    for (const answer of this.waiting.values()) answer({ value: null, error: "The kernel has ended." });
    this.waiting.clear();
    this.changed();
  }

  private hear = (message: FromKernel): void => {
    clearTimeout(this.silence);
    this.gone = false;
    switch (message.type) {
      case "snapshot":
        this.document = structuredClone(message.document) as T; // others may hear it too
        this.seq = message.seq;
        this.appended = [];
        this.lost = false;
        this.changed();
        this.keep();
        break;
      case "saved":
        if (!this.lost) this.keep(); // else the snapshot that is asked for will be kept
        break;
      case "ops":
        this.follow(message.seq, message.ops);
        break;
      case "result":
        this.waiting.get(message.id)?.(message);
        this.waiting.delete(message.id);
        break;
      case "maths":
        for (const resolve of this.maths.splice(0)) resolve(message.code);
    }
  };

  private follow(seq: number, ops: Op[]): void {
    if (this.lost || seq <= this.seq) return;
    try {
      if (seq !== this.seq + 1) throw new Error("a message was lost");
      for (const op of ops) this.appended = apply(this.document, op, this.appended);
      this.seq = seq;
      this.changed();
    } catch {
      this.lost = true;
      this.send({ type: "snapshot" });
    }
  }

  /** Have a notebook that is saved now show this document: the kernel does not send it once more for that. */
  private keep(): void {
    this.model.off("change:document", this.take);
    this.model.set("document", structuredClone(this.document));
    this.model.on("change:document", this.take);
  }

  private take = (): void => {
    this.document = structuredClone(this.model.get("document")) as T;
    this.appended = []; // the paths may lead elsewhere now
    this.changed();
  };

  private changed(): void {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      for (const listener of this.listeners) listener();
    });
  }
}
