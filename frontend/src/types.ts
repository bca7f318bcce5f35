/** The documents of frontend/README.md, and what of anywidget's model is used. */

export type Path = (string | number)[];
export type Op =
  | ["=", Path, unknown]
  | ["-", Path]
  | ["+", Path, string]
  | ["+", string]
  | [">", Path, unknown[]];

export type FromKernel =
  | { type: "ops"; seq: number; ops: Op[] }
  | { type: "snapshot"; seq: number; document: object }
  | { type: "saved" }
  | { type: "result"; id: number; value: unknown; error: string | null }
  | { type: "maths"; code: string };

export interface Model {
  get(name: string): any;
  set(name: string, value: unknown): void;
  on(event: string, listener: (...args: any[]) => void): void;
  off(event: string, listener: (...args: any[]) => void): void;
  send(content: object): void;
  widget_manager?: { kernel?: KernelConnection | null } | undefined;
}

/** What is used of `IKernelConnection` of @jupyterlab/services. */
export interface KernelConnection {
  clientId?: string;
  username?: string;
  status?: string;
  sendControlMessage?: (message: object, expectReply?: boolean) => unknown;
  statusChanged?: {
    connect: (slot: (kernel: unknown, status: string) => void) => unknown;
    disconnect: (slot: (kernel: unknown, status: string) => void) => unknown;
  };
}

/** A token, its log-probability, and the likeliest tokens in its place. */
export type Token = [string, number | null, [string, number][]];
export type State = "waiting" | "streaming" | "done" | "stopped" | "failed";

export interface Numbers {
  ttft_s: number | null;
  tokens_per_s: number | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  latency_s: number | null;
}

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
  state: "asked" | "running" | "done" | "denied" | "failed";
  result: string | null;
}

export interface Answer {
  state: State;
  text: string;
  reasoning: string;
  reasoning_s: number | null;
  tool_calls: ToolCall[];
  tokens: Token[];
  finish_reason: string | null;
  error: string | null;
  /** Nothing more fits into the context. */
  full?: boolean;
  model: string;
  numbers: Numbers;
}

export interface Stop {
  tokens: string[];
  kernel: string | null;
}

export interface StreamDocument {
  id?: string;
  columns: (Answer & { label: string; prompt: string })[];
  stop: Stop | null;
}

export interface ChatNode extends Partial<Answer> {
  parent: string | null;
  role: string;
  text: string;
  images?: string[];
  call_id?: string;
}

export interface Control {
  name: string;
  help: string;
  control: "slider" | "number" | "switch" | "text" | "choice" | "json";
  default: unknown;
  min: number | null;
  max: number | null;
  step: number | null;
  choices: string[] | null;
}

export interface Engine {
  /** "" where none is known: another server than oaikit's. */
  state: string;
  model: string | null;
  phase: string | null;
  load_s: number | null;
  error: string | null;
  /** The page comes from the server of this engine. */
  own: boolean;
}

export interface ChatDocument {
  id?: string;
  nodes: Record<string, ChatNode>;
  order: string[];
  leaf: string | null;
  system: string;
  model: string;
  models: string[];
  params: Record<string, unknown>;
  parameters: Control[];
  context: { used: number | null; size: number | null };
  engine?: Engine;
  /** The cell that reopens the conversation in another kernel. */
  reopen?: string | null;
  stop: Stop | null;
  busy: boolean;
  notice: string | null;
  title: string;
  accepts_images: boolean;
}

export interface TuningAnswer extends Answer {
  numbers: Numbers & { mean_logprob: number | null };
  /** By which the server can be told to end it, while it is on its way. */
  abort: string | null;
  /** What would be asked now is not what was asked. */
  stale: boolean;
  winner: boolean;
  note: string;
}

export interface TuningRow {
  id: string;
  values: Record<string, unknown>;
  errors: Record<string, string>;
}

export interface TuningPrompt {
  id: string;
  text: string;
  editable: boolean;
  error: string | null;
}

export interface TuningItem {
  id: string;
  name: string;
  values: Record<string, string | null>;
}

export interface TuningDocument {
  id?: string;
  completion: boolean;
  fixed: Record<string, unknown>;
  rows: TuningRow[];
  columns: string[];
  parameters: Control[];
  prompts: TuningPrompt[];
  items: TuningItem[];
  variables: string[];
  questions: { id: string; title: string }[];
  answers: Record<string, Record<string, TuningAnswer>>;
  base: string | null;
  layout: "rows" | "columns";
  stop: Stop | null;
  busy: boolean;
  notice: string | null;
}
