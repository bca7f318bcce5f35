/** The way to the kernel. A running cell holds up the shell channel, but not the control channel. */

import type { KernelConnection, Model } from "./types";

/** The page's connection to the kernel; null in hosts that do not offer it to widgets, such as VS Code. */
export function connection(model: Model): KernelConnection | null {
  return model.widget_manager?.kernel ?? null;
}

/** Send a message to the widget in the kernel: on the control channel where that can be done. */
export function send(model: Model, data: object): void {
  const kernel = model.get("control") ? connection(model) : null;
  if (!kernel?.sendControlMessage) {
    model.send(data);
    return;
  }
  kernel.sendControlMessage({
    // oaikit/widgets/control.py says why the type is this one.
    header: {
      msg_id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`, // there is none on plain HTTP
      msg_type: "comm_msg",
      session: kernel.clientId ?? "",
      username: kernel.username ?? "",
      date: new Date().toISOString(),
      version: "5.2",
    },
    parent_header: {},
    metadata: {},
    content: { comm_id: model.get("document").id, data },
    channel: "control",
    buffers: [],
  });
}
