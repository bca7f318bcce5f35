/** What anywidget loads: `initialize` for each model, `render` for each of its views. */

import { ChatView } from "./chat/view";
import { Store } from "./document";
import { h } from "./dom";
import { StreamView } from "./stream/view";
import { TuningView } from "./tuning/view";
import type { Model } from "./types";

const VIEWS = { chat: ChatView, stream: StreamView, tuning: TuningView };

/** By the document's id: anywidget wraps the one model anew for `initialize` and for each view. */
const stores = new Map<string, Store<any>>();

function storeOf(model: Model): Store<any> {
  const { id } = model.get("document");
  let store = stores.get(id);
  if (!store) stores.set(id, (store = new Store(model)));
  return store;
}

function initialize({ model }: { model: Model }): () => void {
  const store = storeOf(model);
  return () => {
    store.close();
    stores.delete(store.document.id);
  };
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const store = storeOf(model);
  const view = new VIEWS[model.get("kind") as keyof typeof VIEWS](store);
  const trouble = h("div", { className: "oai-error", role: "alert" });
  // Keys that are meant for the widget must not run or delete cells.
  for (const type of ["keydown", "keyup", "keypress"]) el.addEventListener(type, (event) => event.stopPropagation());
  el.replaceChildren(hideCompanion(store.document.id), view.element);
  const unwatch = store.watch(() => {
    try {
      view.draw();
      trouble.remove();
    } catch (error) {
      trouble.textContent = `This widget cannot be drawn: ${error}`;
      el.prepend(trouble);
    }
  });
  return () => {
    unwatch();
    el.replaceChildren();
  };
}

/** The static display beside the widget is for readers who have no widget. */
function hideCompanion(id: string | undefined): HTMLElement {
  const safe = /^[\w-]+$/.test(id ?? "") ? `.oaikit-transcript-${id} { display: none }` : "";
  return h("style", {}, safe);
}

export default { initialize, render };
