/** Markdown to HTML that cannot do anything: no HTML of the model's own, no scripts, nothing from other hosts. */

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";
import type { Token } from "markdown-it/index.js";
import { highlight } from "./highlight";
import { mathsPlugin } from "./maths";

const md = new MarkdownIt({ html: false, linkify: true, breaks: false });
md.use(mathsPlugin);

md.renderer.rules.fence = (tokens, index) => code(tokens[index]!.content, tokens[index]!.info.trim().split(/\s+/)[0] ?? "");
md.renderer.rules.code_block = (tokens, index) => code(tokens[index]!.content, "");
md.renderer.rules.image = (tokens, index, options, _env, renderer) => {
  const token = tokens[index]!;
  const source = token.attrGet("src") ?? "";
  const words = renderer.renderInlineAsText(token.children ?? [], options, {});
  if (source.startsWith("data:image/")) {
    return `<img src="${md.utils.escapeHtml(source)}" alt="${md.utils.escapeHtml(words)}">`;
  }
  // To ask for it would tell its host whatever the address says.
  return `<span class="oai-blocked" title="An image from elsewhere is not loaded">${md.utils.escapeHtml(words || "image")}</span>`;
};

function code(source: string, language: string): string {
  const html = highlight(source, language.toLowerCase()) ?? md.utils.escapeHtml(source);
  return `<div class="oai-code"><pre><code>${html}</code></pre></div>`;
}

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."p a em strong s code pre ul ol li h1 h2 h3 h4 h5 h6 blockquote hr br".split(" "),
    ..."table thead tbody tr th td div span img".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "src", "alt", "class", "start", "align"],
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|data:image\/(?:png|jpeg|gif|webp);|#)/i,
};

/** The nodes of a piece of Markdown. */
export function render(source: string): DocumentFragment {
  return clean(md.render(source));
}

/** HTML of our own making, cleaned once more. */
function clean(html: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(html, { ...ALLOWED, RETURN_DOM_FRAGMENT: true });
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  return fragment;
}

/** Where the blocks of a text end: offsets behind each block at the top level. */
export function blockEnds(source: string): number[] {
  const lines = [0];
  for (let at = source.indexOf("\n"); at >= 0; at = source.indexOf("\n", at + 1)) lines.push(at + 1);
  const top = md.parse(source, {}).filter((token: Token) => token.level === 0 && token.map);
  const ends = new Set<number>();
  for (const token of top) ends.add(lines[token.map![1]] ?? source.length);
  return [...ends];
}
