/** The icons of the buttons: Lucide's. */

import {
  ArrowDown, ArrowLeftRight, ArrowUp, Check, CodeXml, ChevronLeft, ChevronRight, Copy, Ellipsis, ImagePlus, Pencil,
  Play, RefreshCw, SlidersHorizontal, Square, Star, Trash2, X, CopyPlus, Diff,
} from "lucide";

const ICONS = {
  check: Check, previous: ChevronLeft, next: ChevronRight, copy: Copy,
  more: Ellipsis, image: ImagePlus, edit: Pencil, again: RefreshCw, settings: SlidersHorizontal,
  remove: Trash2, close: X, up: ArrowUp, down: ArrowDown, swap: ArrowLeftRight, run: Play, stop: Square, star: Star,
  duplicate: CopyPlus, code: CodeXml, differ: Diff,
};

export type Icon = keyof typeof ICONS;

/** An icon that is read by nobody: its button has the name. */
export function icon(name: Icon): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({
    viewBox: "0 0 24 24", width: 16, height: 16, fill: "none", stroke: "currentColor", "stroke-width": 2,
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", class: "oai-icon",
  })) svg.setAttribute(key, String(value));
  for (const [tag, attributes] of ICONS[name]) {
    const part = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, String(value));
    svg.append(part);
  }
  return svg;
}
