import { type ImageSet, readBatches, type SkippedImage } from "../data/mod.ts";
import type { SourcePart } from "../data/mod.ts";
import type { Classifier } from "./classifier.ts";
import type { ModelInfo } from "./model_info.ts";

/** What a model made of images, in their order. */
export interface Outputs {
  /** `[count, width]`: logits or features. */
  values: Float32Array<ArrayBuffer>;
  /** Values of one image. */
  width: number;
  /** Class of each image; -1 where unknown. */
  labels: Int32Array<ArrayBuffer>;
  names: string[];
}

/** Runs the model on all batches. */
export async function runAll(
  classifier: Classifier,
  batches: AsyncIterable<ImageSet> | Iterable<ImageSet>,
  onBatch?: (images: number) => void,
): Promise<Outputs> {
  const parts: Float32Array[] = [];
  const labels: number[] = [];
  const names: string[] = [];
  for await (const batch of batches) {
    parts.push(await classifier.run(batch));
    labels.push(...batch.labels);
    for (let i = 0; i < batch.count; i++) names.push(batch.nameOf(i));
    onBatch?.(labels.length);
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const values = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return {
    values,
    width: length / Math.max(1, labels.length),
    labels: Int32Array.from(labels),
    names,
  };
}

/** The batches of a part of a set, brought to the model's size as in its training. */
export function batchesFor(
  { images }: Pick<ModelInfo, "images">,
  part: SourcePart,
  { rows, skipped, signal }: {
    rows: number;
    skipped: SkippedImage[];
    signal?: AbortSignal;
  },
): AsyncGenerator<ImageSet> {
  const { channels, width, height, padded } = images;
  return readBatches(part, {
    size: { width, height },
    fixed: padded,
    channels,
    rows,
    signal,
  }, skipped);
}

/** Logits divided by the temperature, so that softmax gives calibrated confidences. */
export function calibrated(
  logits: Float32Array,
  temperature = 1,
): Float64Array<ArrayBuffer> {
  return Float64Array.from(logits, (value) => value / temperature);
}
