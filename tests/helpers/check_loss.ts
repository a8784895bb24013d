import type { Device, RealType, Tensor } from "../../src/gpu/mod.ts";
import type { RowLoss } from "../../src/reference/mod.ts";
import { assertClose } from "./assert_close.ts";

/** Compares loss and gradient of one op, plain and accumulated onto a gradient of ones. */
export async function checkLoss(
  device: Device,
  expected: RowLoss,
  { scale, type = "f32" }: { scale: number; type?: RealType },
  record: (
    out: { loss: Tensor; gradient: Tensor; accumulate: boolean },
  ) => void,
): Promise<void> {
  const { length } = expected.gradient;
  for (const accumulate of [false, true]) {
    const loss = device.tensor([expected.loss.length]);
    const gradient = device.tensor(
      [length],
      new Float32Array(length).fill(accumulate ? 1 : NaN),
      type,
    );
    record({ loss, gradient, accumulate });
    assertClose(
      await device.read(loss),
      expected.loss,
      { atol: 2e-6, rtol: 2e-6 },
      "loss",
    );
    assertClose(
      await device.read(gradient),
      expected.gradient.map((g) => g * scale + (accumulate ? 1 : 0)),
      type === "f32" ? { atol: 4e-7, rtol: 1e-5 } : { atol: 1e-6, rtol: 6e-4 },
      "gradient",
    );
  }
}

/** Row weights with zeros among them. */
export function rowWeightsOf(rows: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length: rows },
    (_, r) => r % 4 === 1 ? 0 : 0.5 + r / 4,
  );
}
