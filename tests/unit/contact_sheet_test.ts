import { deepStrictEqual, match, strictEqual, throws } from "node:assert";
import { contactSheet, previewPage } from "../../src/augment/mod.ts";
import { decodePicture, encodePng } from "../../src/data/mod.ts";
import { uniform } from "../helpers/mod.ts";

Deno.test("encodePng() writes what decodePicture() reads", async () => {
  const next = uniform(3);
  for (const [width, height] of [[1, 1], [7, 13], [33, 2]] as const) {
    const size = width * height;
    const pixels = Uint8Array.from({ length: 3 * size }, () => 256 * next());
    const picture = await decodePicture(encodePng(pixels, { width, height }));
    deepStrictEqual([picture.width, picture.height], [width, height]);
    const read = Uint8Array.from(
      pixels,
      (_, i) => picture.pixels[(i % 3) * size + Math.floor(i / 3)]!,
    );
    deepStrictEqual(read, pixels);
  }
});

Deno.test("encodePng() refuses pixels of another size", () => {
  throws(
    () => encodePng(new Uint8Array(5), { width: 2, height: 1 }),
    /Cannot encode 5 bytes as a picture of 2x1/,
  );
});

const PREVIEW = {
  side: 100,
  rows: [
    { name: "stored", images: [100, 200].map((v) => filled(v)) },
    { name: "a < b", images: [filled(50)] },
  ],
};

function filled(value: number): Uint8Array {
  return new Uint8Array(3 * 100 * 100).fill(value);
}

Deno.test("contactSheet() puts a row of images for each kind of view", async () => {
  const { width, height, pixels } = await decodePicture(contactSheet(PREVIEW));
  deepStrictEqual([width, height], [4 + 2 * 104, 4 + 2 * 104]);
  strictEqual(pixels[0], 255);
  strictEqual(pixels[10 * width + 10], 100);
  strictEqual(pixels[10 * width + 150], 200);
  strictEqual(pixels[150 * width + 10], 50);
  strictEqual(pixels[150 * width + 150], 255);
});

Deno.test("previewPage() holds every image and escapes names", () => {
  const page = previewPage(PREVIEW, "run & more");
  strictEqual(page.split("data:image/png;base64,").length, 4);
  match(page, /<th>a &lt; b<\/th>/);
  match(page, /run &amp; more/);
});
