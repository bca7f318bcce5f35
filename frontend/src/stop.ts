/** Stopping requests at the server, past a kernel that is busy. */

import type { Stop } from "./types";

/** Where the page's own Jupyter server is; null in hosts that have none, such as VS Code. */
export function baseUrl(): string | null {
  const config = document.getElementById("jupyter-config-data")?.textContent;
  try {
    const base = config ? (JSON.parse(config) as { baseUrl?: unknown }).baseUrl : document.body.dataset.baseUrl;
    return typeof base === "string" ? base.replace(/\/?$/, "/") : null;
  } catch {
    return null;
  }
}

/** Failures are of no account: the command goes to the kernel as well. */
export async function stopAtServer(stop: Stop): Promise<void> {
  const base = baseUrl();
  if (base === null) return;
  const asked = stop.tokens.map((token) => post(`${base}oaikit/api/abort`, { token }));
  if (!stop.tokens.length && stop.kernel) {
    asked.push(post(`${base}api/kernels/${encodeURIComponent(stop.kernel)}/interrupt`, {}));
  }
  await Promise.allSettled(asked);
}

/** POST to the page's own server, as its user. */
export function post(url: string, body: object): Promise<Response> {
  const xsrf = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
  return fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-XSRFToken": xsrf },
    body: JSON.stringify(body),
  });
}
