/** Small helpers for plain DOM. Texts are always set as text. */

import { type Icon, icon } from "./icons";

type Child = Node | string | null | false;
type Properties = Record<string, unknown>;

/** An element with properties (`on…` are listeners, `data-…` and `aria-…` attributes) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, String(value));
    else (element as any)[name] = value;
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return element;
}

/** A button with a name for screen readers and for tests. */
export function button(
  name: string,
  label: string,
  face: string | Node,
  onclick: (event: MouseEvent) => void,
  properties: Properties = {},
): HTMLButtonElement {
  return h(
    "button",
    { type: "button", "data-oaikit": name, "aria-label": label, title: label, onclick, ...properties },
    face,
  );
}

/** A button that shows an icon; its name is its tooltip. */
export function iconButton(
  name: string,
  label: string,
  face: Icon,
  onclick: (event: MouseEvent) => void,
  properties: Properties = {},
): HTMLButtonElement {
  return button(name, label, icon(face), onclick, { className: "oai-icon-button", ...properties });
}

/** A button that copies a text, and says for a moment that it has. */
export function copyButton(name: string, label: string, text: () => string): HTMLButtonElement {
  const made = iconButton(name, label, "copy", () => void copy());
  const copy = async (): Promise<void> => {
    const said = (await copyText(text())) ? "Copied" : "The browser did not allow it";
    made.replaceChildren(icon("check"), h("span", { role: "status" }, said));
    setTimeout(() => made.replaceChildren(icon("copy")), 1500);
  };
  return made;
}

/** Set a text only if it is another: selections stay where they are. */
export function setText(element: Node, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Make the children of an element these, moving as little as can be. */
export function setChildren(element: Element, wanted: Node[]): void {
  const keep = new Set(wanted);
  for (const child of [...element.childNodes]) if (!keep.has(child as Node)) child.remove();
  wanted.forEach((child, index) => {
    const present = element.childNodes[index];
    if (present !== child) element.insertBefore(child, present ?? null);
  });
}

/** Put a text on the clipboard, where that is allowed; else select it for the user to copy. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { value: text, readOnly: true, className: "oai-offscreen" });
    document.body.append(area);
    area.select();
    const copied = document.execCommand?.("copy") ?? false;
    area.remove();
    return copied;
  }
}

/** Offer a text as a file. */
export function download(filename: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  h("a", { href: url, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
