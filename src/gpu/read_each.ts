import type { Device } from "./device.ts";
import { type Tensor, tensorBytes } from "./tensor.ts";

/** Bytes that are staged at a time, unless one tensor alone has more. */
const STAGED = 64 << 20;

/**
 * The values of tensors of real numbers, in order. Many are waited for together: each
 * wait of {@linkcode Device.read} takes 10 ms, see {@linkcode Readback}.
 */
export async function* readEach(
  device: Device,
  tensors: readonly Tensor[],
): AsyncGenerator<Float32Array<ArrayBuffer>> {
  for (let first = 0; first < tensors.length;) {
    let end = first;
    let bytes = 0;
    do bytes += tensorBytes(tensors[end++]!); while (
      end < tensors.length && bytes + tensorBytes(tensors[end]!) <= STAGED
    );
    const together = tensors.slice(first, end);
    yield* await Promise.all(together.map((tensor) => device.read(tensor)));
    first = end;
  }
}
