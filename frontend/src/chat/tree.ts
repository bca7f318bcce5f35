/** Reading the tree of messages. */

import type { ChatDocument, ChatNode } from "../types";

/** The ids from the root to the leaf that is shown. */
export function path(chat: ChatDocument): string[] {
  const ids: string[] = [];
  for (let id = chat.leaf; id !== null; ) {
    const node: ChatNode | undefined = chat.nodes[id];
    if (!node) break;
    ids.unshift(id);
    id = node.parent;
  }
  return ids;
}

/** The alternatives to a message, itself among them, oldest first. */
export function siblings(chat: ChatDocument, id: string): string[] {
  const parent = chat.nodes[id]!.parent;
  return chat.order.filter((other) => chat.nodes[other]?.parent === parent);
}
