import { type Html, html, shorten } from "./html.ts";

/** A picture of a gallery with what is said about it. */
export interface GalleryItem {
  /** Name of the image in its set. */
  name: string;
  /** Lines below it, the first one strong. */
  lines: readonly string[];
  /** Drawn with a mark of its own: right, wrong, or neither. */
  verdict?: "right" | "wrong" | undefined;
}

/** Pictures with captions; without a picture its name stands in its place. */
export function gallery(
  items: readonly GalleryItem[],
  images: ReadonlyMap<string, string>,
): Html {
  return html`
    <ul class="gallery">${items.map(({ name, lines, verdict }) => {
      const source = images.get(name);
      const [first = "", ...rest] = lines;
      return html`
        <li class="${verdict ?? "plain"}" title="${name}">
          ${source === undefined
            ? html`<span class="absent">${shorten(name, 18)}</span>`
            : html`<img src="${source}" alt="${name}">`}
          <b>${shorten(first, 22)}</b>
          ${rest.map((line) => html`<span>${shorten(line, 28)}</span>`)}
        </li>
      `;
    })}</ul>
  `;
}
