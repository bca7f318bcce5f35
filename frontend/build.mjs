/** Bundles src/ into oaikit/widgets/static/. The same sources give the same bytes. */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "oaikit", "widgets", "static");

/** tests/unit/test_frontend_build.py computes the same. */
function fingerprint() {
  const files = readdirSync(join(here, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(here, join(entry.parentPath, entry.name)).split(sep).join("/"));
  const hash = createHash("sha256");
  for (const name of [...files, "build.mjs", "package-lock.json"].sort()) {
    hash.update(`${name}\0`).update(readFileSync(join(here, name))).update("\0");
  }
  return hash.digest("hex");
}

/** markdown-it takes `entities` for names such as &eacute;, whose table the browser has: 33 kB that need not travel. */
const browserEntities = {
  name: "the browser's entities",
  setup(build) {
    build.onResolve({ filter: /^entities$/ }, () => ({ path: "entities", namespace: "browser" }));
    build.onLoad({ filter: /.*/, namespace: "browser" }, () => ({ contents: ENTITIES }));
  },
};
// What is in a textarea is no markup. Of "&notit;" the browser takes "&not" alone, which markdown-it does not mean.
const ENTITIES = `
const area = document.createElement("textarea");
export function decodeHTML(text) {
  area.innerHTML = text;
  return area.value.endsWith(";") && text !== "&semi;" ? text : area.value;
}
export { decodeHTML as decodeHTMLStrict };`;

async function bundle(entry, options = {}) {
  const made = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none", // they are in LICENSES.txt
    metafile: true,
    write: false,
    plugins: [browserEntities],
    ...options,
  });
  return { text: made.outputFiles[0].text, inputs: Object.keys(made.metafile.inputs) };
}

/** The licences of what was bundled. */
function licences(inputs) {
  const names = new Set(inputs.map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean));
  return [...names].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
}

const widgets = await bundle("src/index.ts");
const maths = await bundle("src/maths.ts");
const styles = await bundle("src/styles.css");
mkdirSync(out, { recursive: true });
writeFileSync(join(out, "widgets.js"), `// ${fingerprint()}\n${widgets.text}`);
writeFileSync(join(out, "maths.js"), maths.text);
writeFileSync(join(out, "widgets.css"), styles.text);
writeFileSync(join(out, "LICENSES.txt"), licences([...widgets.inputs, ...maths.inputs]).join("\n----\n\n"));
