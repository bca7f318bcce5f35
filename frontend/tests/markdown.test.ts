import { describe, expect, it } from "vitest";
import { blockEnds, render } from "../src/markdown/render";
import { MarkdownView } from "../src/markdown/view";
import payloads from "./xss-payloads.json";

const html = (source: string): string => {
  const holder = document.createElement("div");
  holder.append(render(source));
  return holder.innerHTML;
};
const never = (): Promise<string> => new Promise(() => undefined);

const TAGS = new Set(
  "P A EM STRONG S CODE PRE UL OL LI H1 H2 H3 H4 H5 H6 BLOCKQUOTE HR BR TABLE THEAD TBODY TR TH TD DIV SPAN IMG".split(" "),
);
const ATTRIBUTES = new Set(
  "href title src alt class start align target rel".split(" "),
);

describe("what a model says", () => {
  it.each(payloads)("is dead: %s", (payload) => {
    const holder = document.createElement("div");
    holder.append(render(payload));
    for (const element of holder.querySelectorAll("*")) {
      expect(TAGS).toContain(element.tagName);
      for (const { name, value } of element.attributes) {
        expect(ATTRIBUTES).toContain(name);
        if (name === "href") expect(value).toMatch(/^(https?:|mailto:|#)/i);
        if (name === "src") expect(value).toMatch(/^data:image\/(png|jpeg|gif|webp)/i);
      }
    }
  });

  it("has a corpus worth the name", () => {
    expect(new Set(payloads).size).toBeGreaterThanOrEqual(60);
  });
});

describe("markdown", () => {
  it("is GitHub's", () => {
    expect(html("| a |\n|---|\n| 1 |")).toContain("<td>1</td>");
    expect(html("~~x~~ **y**")).toContain("<s>x</s> <strong>y</strong>");
    expect(html("[x](https://a.example)")).toContain('rel="noopener noreferrer"');
  });

  it("highlights code", () => {
    expect(html("```python\ndef f(): pass\n```")).toContain("hljs-keyword");
    expect(html("```nonsense\n<b>\n```")).toContain("&lt;b&gt;");
  });

  it("blocks images from elsewhere, and shows those that are in the text", () => {
    expect(html("![a cat](https://a.example/cat.png)")).toMatch(/<span class="oai-blocked".*>a cat<\/span>/);
    expect(html("![dot](data:image/png;base64,iVBORw0KGgo=)")).toContain("<img");
  });

  it("finds formulas, and takes prices for prices", () => {
    expect(html("$a_1 * b_1$")).toContain('<span class="oai-maths">a_1 * b_1</span>');
    expect(html("\\[x\\]")).toContain("oai-maths-display");
    expect(html("from $5 to $6")).not.toContain("oai-maths");
    expect(html("`$x$`")).not.toContain("oai-maths");
  });
});

const LONG = Array.from({ length: 40 }, (_, n) =>
  n % 4 === 0 ? `\`\`\`python\nx = ${n}\n\ny = 2\n\`\`\`` : n % 4 === 1 ? `- a ${n}\n- b\n\n  c` : `Paragraph ${n} with **bold** text.`,
).join("\n\n");

describe("a text that grows", () => {
  it.each([1, 7, 50, 333])("looks at its end as if it had come at once, by %i", (step) => {
    const view = new MarkdownView(never);
    for (let end = step; end < LONG.length; end += step) view.show(LONG.slice(0, end), false);
    view.show(LONG, true);
    const whole = new MarkdownView(never);
    whole.show(LONG, true);
    expect(view.element.innerHTML.replace(/\n/g, "")).toBe(whole.element.innerHTML.replace(/\n/g, ""));
  });

  it("keeps the nodes of complete blocks", () => {
    const view = new MarkdownView(never);
    view.show(LONG.slice(0, 600), false);
    const first = view.element.firstElementChild;
    view.show(LONG.slice(0, 900), false);
    view.show(LONG, true);
    expect(view.element.firstElementChild).toBe(first);
  });

  it("starts anew when the text is another one", () => {
    const view = new MarkdownView(never);
    view.show(LONG.slice(0, 900), false);
    view.show("Other.", true);
    expect(view.element.textContent?.trim()).toBe("Other.");
  });

  it("knows where blocks end", () => {
    expect(blockEnds("a\n\nb\n")).toEqual([2, 5]);
  });
});
