import { createHash } from "node:crypto";
import type { DataSet } from "./image_set.ts";

/**
 * SHA-256 over everything that training can see: class names, shapes, labels and
 * pixels. Ranks compare it, and a saved split is only valid for one.
 */
export function hashDataSet({ classNames, train, test }: DataSet): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([
    classNames,
    ...[train, test].map(({ count, channels, height, width }) => [
      count,
      channels,
      height,
      width,
    ]),
  ]));
  for (const { labels, pixels } of [train, test]) {
    hash.update(
      new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength),
    );
    hash.update(pixels);
  }
  return hash.digest("hex");
}
