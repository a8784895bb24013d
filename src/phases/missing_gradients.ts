import { float32Tensor, type TensorMap, toFloat32 } from "../run/mod.ts";

/** What sent gradients still miss as the tensors `bucket.part` of a file. */
export function toMissingParts(
  missing: readonly (readonly Float32Array[])[],
): TensorMap {
  return new Map(
    missing.flatMap((parts, bucket) =>
      parts.map((data, part) => [
        `${bucket}.${part}`,
        float32Tensor([data.length], data),
      ])
    ),
  );
}

/** The opposite of {@linkcode toMissingParts}. */
export function fromMissingParts(
  tensors: TensorMap | undefined,
): Float32Array[][] {
  const missing: Float32Array[][] = [];
  for (const [name, tensor] of tensors ?? []) {
    const [bucket, part] = name.split(".").map(Number) as [number, number];
    (missing[bucket] ??= [])[part] = toFloat32(tensor);
  }
  return missing;
}
