import { attentionBackward, attentionForward } from "../../src/ops/mod.ts";
import {
  attentionBackwardReference,
  attentionReference,
} from "../../src/reference/mod.ts";
import { agree, TOLERANCE, worstOf } from "../common/check.ts";
import {
  type OpCase,
  type OpContext,
  Operands,
  type OpFamily,
  pickRows,
} from "./op_case.ts";

/** `[batch, heads, tokens, head dim]` */
type Shape = readonly [number, number, number, number];

const SHAPES: readonly Shape[] = [[64, 3, 65, 64], [8, 6, 197, 64], [
  64,
  6,
  65,
  32,
]];
const TINY: readonly Shape[] = [[2, 2, 9, 8]];

/** Fused attention, forward and backward. */
export const attentionCases: OpFamily = function* (size) {
  for (const shape of size === "full" ? SHAPES : TINY) {
    for (const backward of [false, true]) {
      yield {
        label: `${nameOf(backward)} ${shapeOf(shape)}`,
        make: (context) => attentionCase(context, shape, backward),
      };
    }
  }
};

function nameOf(backward: boolean): string {
  return backward ? "attention_backward" : "attention_forward";
}

function shapeOf([batch, heads, tokens, headDim]: Shape): string {
  return `b${batch}h${heads}n${tokens}d${headDim}`;
}

function attentionCase(
  context: OpContext,
  shape: Shape,
  backward: boolean,
): OpCase {
  const [batch, heads, tokens, headDim] = shape;
  const operands = new Operands(context);
  const dim = heads * headDim;
  const qkv = operands.activations([batch * tokens, 3 * dim], 2);
  const dOutput = operands.activations([batch * tokens, dim]);
  const output = operands.result([batch * tokens, dim]);
  const logSumExp = operands.floatResult([batch, heads, tokens]);
  const dQkv = operands.result([batch * tokens, 3 * dim]);
  const args = { qkv: qkv.tensor, output, logSumExp, batch, tokens, heads };
  // Backward reads what forward leaves; it is made once, outside the timing.
  if (backward) {
    context.device.run((program) => attentionForward(program, args));
  }
  const perProduct = 2 * batch * heads * tokens * tokens * headDim;
  return {
    name: nameOf(backward),
    shape: shapeOf(shape),
    unit: "GFLOP/s",
    // Two products forward; dV, dP, dQ and dK backward.
    work: (backward ? 4 : 2) * perProduct,
    ceiling: "gemm",
    record(program) {
      if (backward) {
        attentionBackward(program, {
          ...args,
          dOutput: dOutput.tensor,
          dQkv,
        });
      } else attentionForward(program, args);
    },
    async check() {
      const { device, precision } = context;
      const result = await device.read(backward ? dQkv : output);
      const width = (backward ? 3 : 1) * dim;
      const parts = [0, batch - 1].map((image) => {
        const rows = Array.from(
          { length: tokens },
          (_, i) => image * tokens + i,
        );
        const sizes = { batch: 1, tokens, heads, headDim };
        const own = pickRows(qkv.values, 3 * dim, rows);
        const expected = backward
          ? attentionBackwardReference(
            own,
            pickRows(dOutput.values, dim, rows),
            sizes,
          )
          : attentionReference(own, sizes).output;
        return agree(
          pickRows(result, width, rows),
          expected,
          TOLERANCE[precision],
        );
      });
      return worstOf(parts);
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}
