/** Where a message is written, with the button that sends it or stops the answer. */

import { button, h, iconButton, setChildren, setText } from "../dom";
import type { ChatDocument } from "../types";

export interface ComposerActions {
  /** Resolves to whether it was taken; what was typed comes back if not. */
  send: (text: string, images: string[], settled: () => void) => Promise<boolean>;
  stop: () => void;
  editLast: () => void;
}

const LARGEST_IMAGE = 10 * 2 ** 20; // bytes

export class Composer {
  readonly element: HTMLElement;
  private area: HTMLTextAreaElement;
  private send: HTMLButtonElement;
  private stop: HTMLButtonElement;
  private file: HTMLInputElement;
  private attach: HTMLButtonElement;
  private thumbs = h("div", { className: "oai-images" });
  private bar = h("span", { className: "oai-context-used" });
  private context: HTMLElement;
  private images: string[] = [];
  private busy = false;
  private sending = false;
  private takesImages = false;

  constructor(private actions: ComposerActions) {
    this.area = h("textarea", {
      rows: 2,
      dir: "auto",
      placeholder: "Write a message…",
      "aria-label": "Message",
      "data-oaikit": "input",
      onkeydown: (event: KeyboardEvent) => this.press(event),
      onpaste: (event: ClipboardEvent) => this.take([...(event.clipboardData?.files ?? [])], event),
    });
    this.send = button("send", "Send", "Send", () => void this.submit(), { className: "oai-primary" });
    this.stop = button("stop", "Stop (Esc)", "Stop", () => actions.stop(), { className: "oai-stop" });
    this.file = h("input", {
      type: "file",
      accept: "image/*",
      multiple: true,
      hidden: true,
      onchange: () => this.take([...(this.file.files ?? [])]),
    });
    this.attach = iconButton("attach", "Add an image", "image", () => this.file.click());
    this.context = h("span", { className: "oai-context", "data-oaikit": "context", role: "img" }, this.bar);
    const row = h("div", { className: "oai-row" }, this.attach, this.context, this.send, this.stop, this.file);
    this.element = h(
      "div",
      {
        className: "oai-composer",
        ondragover: (event: DragEvent) => this.takesImages && event.preventDefault(),
        ondrop: (event: DragEvent) => this.take([...(event.dataTransfer?.files ?? [])], event),
      },
      this.thumbs,
      this.area,
      row,
    );
  }

  show(chat: ChatDocument): void {
    this.busy = chat.busy || this.sending;
    this.takesImages = chat.accepts_images;
    this.attach.hidden = !chat.accepts_images;
    const hadFocus = document.activeElement === this.send || document.activeElement === this.stop;
    this.send.hidden = this.busy;
    this.stop.hidden = !this.busy;
    if (hadFocus) this.area.focus();
    const { used, size } = chat.context;
    this.context.hidden = used === null || size === null;
    if (used !== null && size !== null) {
      this.bar.style.width = `${Math.min(100, (100 * used) / size)}%`;
      this.context.dataset.full = String(used > 0.9 * size);
      const said = `${used} of ${size} tokens of the context are used`;
      this.context.title = said;
      this.context.setAttribute("aria-label", said);
    }
  }

  focus(): void {
    this.area.focus();
  }

  private press(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.submit();
    } else if (event.key === "ArrowUp" && !this.area.value) {
      event.preventDefault();
      this.actions.editLast();
    }
  }

  private async submit(): Promise<void> {
    const text = this.area.value;
    const images = this.images;
    if (this.busy || (!text.trim() && !images.length)) return;
    // The button to stop is there at once, not when the kernel has heard.
    this.busy = this.sending = true;
    this.send.hidden = true;
    this.stop.hidden = false;
    this.area.value = "";
    this.setImages([]);
    const taken = await this.actions.send(text, images, () => (this.sending = false));
    if (!taken && !this.area.value) {
      this.area.value = text;
      this.setImages(images);
    }
    this.area.focus();
  }

  private take(files: File[], event?: Event): void {
    const pictures = files.filter((file) => file.type.startsWith("image/") && file.size <= LARGEST_IMAGE);
    if (!this.takesImages || !pictures.length) return;
    event?.preventDefault();
    for (const picture of pictures) {
      const reader = new FileReader();
      reader.onload = () => this.setImages([...this.images, String(reader.result)]);
      reader.readAsDataURL(picture);
    }
  }

  private setImages(urls: string[]): void {
    this.images = urls;
    setChildren(
      this.thumbs,
      urls.map((url, index) =>
        button(
          "detach",
          "Take the image out",
          h("img", { src: url, alt: `Image ${index + 1}` }),
          () => this.setImages(this.images.filter((_, other) => other !== index)),
        ),
      ),
    );
  }
}

/** What a screen reader is told of an answer that grows: whole sentences, not tokens. */
export class Announcer {
  readonly element = h("div", { className: "oai-offscreen", "aria-live": "polite", "data-oaikit": "announcer" });
  private key = "";
  private said = 0;

  show(key: string, text: string, complete: boolean): void {
    if (key !== this.key) {
      this.key = key;
      this.said = complete ? text.length : 0; // what was there before is read like any text
    }
    const rest = text.slice(this.said);
    const end = complete ? rest.length : (/^[\s\S]*[.!?:\n](?=\s|$)/.exec(rest)?.[0].length ?? 0);
    if (!end) return;
    this.said += end;
    setText(this.element, rest.slice(0, end));
  }
}
