/** Formulas: found by markdown-it, drawn by KaTeX once its part has come. */

import type MarkdownIt from "markdown-it";

type Katex = { renderToString(source: string, options: object): string };
let katex: Katex | null = null;
let loading: Promise<void> | null = null;

/** Between which signs formulas stand; whether they stand by themselves. */
const INLINE: [string, string, boolean][] = [
  ["$$", "$$", true],
  ["\\[", "\\]", true],
  ["\\(", "\\)", false],
  ["$", "$", false],
];

/** Have markdown-it take formulas as they are, before it looks for emphasis and escapes in them. */
export function mathsPlugin(md: MarkdownIt): void {
  md.inline.ruler.before("escape", "maths", (state, silent) => {
    for (const [open, close, display] of INLINE) {
      if (!state.src.startsWith(open, state.pos)) continue;
      const from = state.pos + open.length;
      const to = state.src.indexOf(close, from);
      const source = to < 0 ? "" : state.src.slice(from, to);
      // "$5 and $6" are prices: a formula has no space inside its dollars, and no digit behind them.
      const price = open === "$" && (/^\s|\s$/.test(source) || /^\d/.test(state.src.slice(to + 1)));
      if (!source.trim() || price) continue;
      if (!silent) {
        const token = state.push("maths", "", 0);
        token.content = source;
        token.meta = { display };
      }
      state.pos = to + close.length;
      return true;
    }
    return false;
  });
  md.renderer.rules.maths = (tokens, index) => {
    const { content, meta } = tokens[index]!;
    const kind = meta.display ? "oai-maths oai-maths-display" : "oai-maths";
    return `<span class="${kind}">${md.utils.escapeHtml(content)}</span>`;
  };
}

/** Draw the formulas below an element; `load` gets the source of the part that can. */
export async function drawMaths(element: Element, load: () => Promise<string>): Promise<void> {
  const formulas = element.querySelectorAll<HTMLElement>(".oai-maths:not([data-drawn])");
  if (!formulas.length) return;
  if (!katex) {
    loading ??= start(load);
    await loading;
  }
  for (const formula of formulas) draw(formula);
}

async function start(load: () => Promise<string>): Promise<void> {
  const url = URL.createObjectURL(new Blob([await load()], { type: "text/javascript" }));
  try {
    katex = ((await import(/* @vite-ignore */ url)) as { default: Katex }).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}

function draw(formula: HTMLElement): void {
  if (!katex || formula.dataset.drawn) return;
  formula.dataset.drawn = "yes";
  // KaTeX escapes what it is given; "trust" is off, so that \href and the like do nothing.
  formula.innerHTML = katex.renderToString(formula.textContent ?? "", {
    output: "mathml",
    throwOnError: false,
    trust: false,
    maxSize: 20,
    maxExpand: 200,
    displayMode: formula.classList.contains("oai-maths-display"),
  });
}
