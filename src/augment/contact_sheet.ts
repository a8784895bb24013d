import { encodePng } from "../data/mod.ts";
import type { Preview } from "./preview.ts";

/** Pixels between images. */
const GAP = 4;
/** Images smaller than this are drawn with whole multiples of their pixels. */
const LEAST_SIDE = 96;

/** The images of a preview in one PNG picture: a row for each kind of view. */
export function contactSheet(
  { rows, side }: Preview,
): Uint8Array<ArrayBuffer> {
  const zoom = Math.max(1, Math.round(LEAST_SIDE / side));
  const cell = side * zoom + GAP;
  const width = GAP + cell * Math.max(...rows.map((row) => row.images.length));
  const height = GAP + cell * rows.length;
  const pixels = new Uint8Array(3 * width * height).fill(255);
  rows.forEach(({ images }, row) =>
    images.forEach((image, column) =>
      place(pixels, image, {
        left: GAP + column * cell,
        top: GAP + row * cell,
        width,
        side,
        zoom,
      })
    )
  );
  return encodePng(pixels, { width, height });
}

function place(
  pixels: Uint8Array,
  image: Uint8Array,
  { left, top, width, side, zoom }: {
    left: number;
    top: number;
    width: number;
    side: number;
    zoom: number;
  },
): void {
  for (let y = 0; y < side * zoom; y++) {
    for (let x = 0; x < side * zoom; x++) {
      const from = 3 * (Math.floor(y / zoom) * side + Math.floor(x / zoom));
      pixels.set(
        image.subarray(from, from + 3),
        3 * ((top + y) * width + left + x),
      );
    }
  }
}

/** A page without further files: each kind of view under its name. */
export function previewPage(
  { rows, side }: Preview,
  title: string,
): string {
  const shown = Math.max(LEAST_SIDE, side);
  const body = rows.map(({ name, images }) => {
    const pictures = images.map((image) => {
      const png = encodePng(image, { width: side, height: side }).toBase64();
      return `<img alt="" src="data:image/png;base64,${png}">`;
    });
    return `<tr><th>${escape(name)}</th><td>${pictures.join("")}</td></tr>`;
  });
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<style>
body { font: 14px system-ui, sans-serif; margin: 1.5rem; }
th { text-align: right; font-weight: normal; padding-right: .7rem; }
img { width: ${shown}px; height: ${shown}px; margin: 2px; image-rendering: pixelated; }
</style>
<h1>${escape(title)}</h1>
<table>
${body.join("\n")}
</table>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
