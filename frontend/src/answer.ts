/** One answer of a model: its thoughts, its text, its tool calls, its numbers. The chat and the stream show it alike. */

import { button, h, setChildren, setText } from "./dom";
import { MarkdownView } from "./markdown/view";
import { TokensView } from "./tokens";
import type { Answer, Numbers, ToolCall } from "./types";

export interface AnswerActions {
  loadMaths: () => Promise<string>;
  /** A click on an alternative token; null where that does nothing. */
  choose: ((position: number, token: string) => void) | null;
  /** Run or refuse a tool call; null where none can be run. */
  approve: ((call: string, yes: boolean, always: boolean) => void) | null;
}

export class AnswerView {
  readonly element: HTMLElement;
  private reasoning: MarkdownView;
  private summary = h("summary", {});
  private thoughts: HTMLDetailsElement;
  private text: MarkdownView;
  private tokens: TokensView | null = null;
  private calls = h("div", { className: "oai-calls" });
  private error = h("div", { className: "oai-error", role: "alert" });
  private waiting = h("div", { className: "oai-waiting", "aria-label": "Waiting for the first token" });
  private cards = new Map<string, CallCard>();

  constructor(private actions: AnswerActions) {
    this.text = new MarkdownView(actions.loadMaths);
    this.reasoning = new MarkdownView(actions.loadMaths);
    this.thoughts = h(
      "details",
      { className: "oai-thoughts", "data-oaikit": "reasoning" },
      this.summary,
      this.reasoning.element,
    );
    this.element = h("div", { className: "oai-answer" });
  }

  show(answer: Answer, asTokens: boolean): void {
    const running = answer.state === "waiting" || answer.state === "streaming";
    const parts: Node[] = [];
    if (answer.reasoning) parts.push(this.showThoughts(answer, running));
    if (asTokens && answer.tokens.length) {
      this.tokens ??= new TokensView(this.actions.choose);
      this.tokens.show(answer.tokens);
      parts.push(this.tokens.element);
    } else if (answer.text) {
      this.text.show(answer.text, !running);
      parts.push(this.text.element);
    }
    if (answer.tool_calls.length) parts.push(this.showCalls(answer.tool_calls, running));
    if (running && !answer.text && !answer.reasoning && !answer.tool_calls.length) parts.push(this.waiting);
    if (answer.error !== null) {
      setText(this.error, answer.error);
      parts.push(this.error);
    }
    setChildren(this.element, parts);
  }

  private showThoughts(answer: Answer, running: boolean): Node {
    const thinking = running && answer.reasoning_s === null;
    // Open while it thinks, folded when it has: once each, so that the user's own choice stays.
    if (this.thoughts.dataset.thinking !== String(thinking)) {
      this.thoughts.dataset.thinking = String(thinking);
      this.thoughts.open = thinking;
    }
    const seconds = answer.reasoning_s;
    setText(this.summary, thinking ? "Thinking…" : seconds === null ? "Thought" : `Thought for ${seconds.toFixed(1)} s`);
    this.reasoning.show(answer.reasoning, !thinking);
    return this.thoughts;
  }

  private showCalls(calls: ToolCall[], running: boolean): Node {
    const cards = calls.map((call) => {
      let card = this.cards.get(call.id);
      if (!card) this.cards.set(call.id, (card = new CallCard(this.actions.approve)));
      card.show(call, running);
      return card.element;
    });
    setChildren(this.calls, cards);
    return this.calls;
  }
}

const CALL_STATES: Record<ToolCall["state"], string> = {
  asked: "wants to run",
  running: "running…",
  done: "done",
  denied: "not run",
  failed: "failed",
};

class CallCard {
  readonly element: HTMLElement;
  private name = h("b", {});
  private state = h("span", { className: "oai-call-state" });
  private given = h("pre", {});
  private result = h("pre", { className: "oai-result", "data-oaikit": "tool-result" });
  private choices = h("div", { className: "oai-row" });
  private id = "";

  constructor(approve: AnswerActions["approve"]) {
    if (approve) {
      const choice = (name: string, label: string, yes: boolean, always: boolean, className: string): HTMLElement =>
        button(name, label, label, () => approve(this.id, yes, always), { className });
      this.choices.append(
        choice("approve", "Approve", true, false, "oai-primary"),
        choice("always", "Always", true, true, "oai-secondary"),
        choice("deny", "Deny", false, false, "oai-quiet-bad"),
      );
    }
    const head = h("div", { className: "oai-row" }, this.name, this.state);
    this.element = h("div", { className: "oai-call", "data-oaikit": "tool-call" }, head, this.given);
  }

  /** While the answer is running the arguments are not complete: nobody should allow what can't be read yet. */
  show(call: ToolCall, running: boolean): void {
    this.id = call.id;
    this.element.dataset.state = call.state;
    setText(this.name, call.name);
    setText(this.state, running ? "…" : (CALL_STATES[call.state] ?? call.state));
    setText(this.given, pretty(call.arguments));
    setText(this.result, call.result ?? "");
    const below = call.state === "asked" && !running ? [this.choices] : call.result === null ? [] : [this.result];
    setChildren(this.element, [this.element.firstChild!, this.given, ...below]);
  }
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

/** One line about an answer: model, speed, tokens, why it ended. */
export function numbersLine(answer: Pick<Answer, "numbers" | "model" | "finish_reason" | "state" | "full">): string {
  const { ttft_s, tokens_per_s, prompt_tokens, completion_tokens }: Numbers = answer.numbers;
  const ended = { done: answer.finish_reason ?? "", stopped: "stopped", failed: "failed", waiting: "", streaming: "" };
  return [
    answer.model,
    ttft_s === null ? "" : `first token ${ttft_s < 1 ? `${Math.round(ttft_s * 1000)} ms` : `${ttft_s.toFixed(1)} s`}`,
    tokens_per_s === null ? "" : `${Math.round(tokens_per_s)} tok/s`,
    completion_tokens === null ? "" : `${prompt_tokens ?? "?"} + ${completion_tokens} tokens`,
    ended[answer.state] === "length" ? (answer.full ? "the context is full" : "cut off at max_tokens") : ended[answer.state],
  ]
    .filter(Boolean)
    .join(" · ");
}
