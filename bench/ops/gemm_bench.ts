import {
  linearBackwardReference,
  linearReference,
} from "../../src/reference/mod.ts";
import {
  linearForward,
  linearInputGradient,
  linearWeightGradient,
} from "../../src/ops/mod.ts";
import type { Program, Tensor } from "../../src/gpu/mod.ts";
import { agree, TOLERANCE } from "../common/check.ts";
import {
  type OpCase,
  type OpContext,
  Operands,
  type OpFamily,
  pickRows,
  type Sizes,
  someOf,
} from "./op_case.ts";

/** Layouts by what a layer multiplies: forward, input gradient, weight gradient. */
export const LAYOUTS = ["NT", "NN", "TN"] as const;
export type Layout = typeof LAYOUTS[number];

/** `[tokens of a batch, in, out]` of the layers that take the time. */
const SHAPES: readonly (readonly [number, number, number])[] = [
  [4160, 192, 576],
  [4160, 192, 192],
  [4160, 192, 768],
  [4160, 768, 192],
  [6336, 384, 1536],
];
/** Odd ones, each beside a round one of about its size: what edges cost. */
const EDGES: readonly (readonly [
  odd: typeof SHAPES[number],
  round: typeof SHAPES[number],
])[] = [
  [[4161, 193, 577], [4164, 196, 580]],
  [[4159, 191, 575], [4160, 192, 576]],
  [[1577, 385, 1537], [1580, 388, 1540]],
];
const TINY: typeof SHAPES = [[33, 20, 12], [24, 7, 9]];
const TINY_EDGES: typeof EDGES = [[[33, 21, 13], [36, 24, 16]]];

/** Matrix products of linear layers in their three layouts. */
export const gemmCases: OpFamily = function* (size) {
  const shapes = size === "full" ? SHAPES : TINY;
  for (const layout of LAYOUTS) {
    for (const shape of shapes) {
      const sizes = productOf(layout, shape);
      yield {
        label: `gemm ${nameOf(sizes)} ${layout}`,
        make: (context) => new GemmCase(context, layout, sizes),
      };
    }
    for (const [odd, round] of size === "full" ? EDGES : TINY_EDGES) {
      const sizes = productOf(layout, odd);
      yield {
        label: `gemm edge ${nameOf(sizes)} ${layout}`,
        make: (context) =>
          new GemmCase(context, layout, sizes, productOf(layout, round)),
      };
    }
  }
};

function nameOf({ rows, depth, cols }: Sizes): string {
  return `${rows}x${depth}x${cols}`;
}

/** The product that a layer `[tokens, in] -> [tokens, out]` makes in a layout. */
export function productOf(
  layout: Layout,
  [tokens, inner, outer]: readonly [number, number, number],
): Sizes {
  switch (layout) {
    case "NT":
      return { rows: tokens, depth: inner, cols: outer };
    case "NN":
      return { rows: tokens, depth: outer, cols: inner };
    case "TN":
      return { rows: outer, depth: tokens, cols: inner };
  }
}

/** One product through the op of the layer; also what candidates multiply. */
export class GemmCase implements OpCase {
  readonly name = "gemm";
  readonly shape: string;
  readonly layout: Layout;
  readonly unit = "GFLOP/s";
  readonly work: number;
  readonly ceiling = "gemm";
  readonly sizes: Sizes;
  /** A product to compare with, whose edges are whole. */
  readonly round: Sizes | undefined;
  /** As the layout stores them. */
  readonly left: Tensor;
  readonly right: Tensor;
  readonly output: Tensor;
  readonly #operands: Operands;
  readonly #context: OpContext;
  readonly #left: Float32Array;
  readonly #right: Float32Array;

  constructor(
    context: OpContext,
    layout: Layout,
    sizes: Sizes,
    round?: Sizes,
  ) {
    const { rows, depth, cols } = sizes;
    this.round = round;
    this.#context = context;
    this.#operands = new Operands(context);
    this.layout = layout;
    this.sizes = sizes;
    this.shape = nameOf(sizes);
    this.work = 2 * rows * depth * cols;
    const left = this.#operands.activations(
      layout === "TN" ? [depth, rows] : [rows, depth],
    );
    const right = this.#operands.activations(
      layout === "NT" ? [cols, depth] : [depth, cols],
    );
    this.left = left.tensor;
    this.right = right.tensor;
    this.#left = left.values;
    this.#right = right.values;
    this.output = layout === "TN"
      ? this.#operands.floatResult([rows, cols])
      : this.#operands.result([rows, cols]);
  }

  record(program: Program): void {
    const { left, right, output } = this;
    switch (this.layout) {
      case "NT":
        return linearForward(program, { input: left, weight: right, output });
      case "NN":
        return linearInputGradient(program, {
          dOutput: left,
          weight: right,
          dInput: output,
        });
      case "TN":
        return linearWeightGradient(program, {
          dOutput: left,
          input: right,
          dWeight: output,
        });
    }
  }

  /** Compares some rows of the product in `output`, the first and the last among them. */
  async check(output: Tensor = this.output) {
    const { rows, depth, cols } = this.sizes;
    const some = someOf(rows, 24);
    const values = await this.#context.device.read(output);
    return agree(
      pickRows(values, cols, some),
      this.#expected(some, { rows, depth, cols }),
      TOLERANCE[this.#context.precision],
    );
  }

  [Symbol.dispose](): void {
    this.#operands[Symbol.dispose]();
  }

  #expected(some: readonly number[], { depth, cols }: Sizes): Float64Array {
    switch (this.layout) {
      case "NT":
        return linearReference(
          pickRows(this.#left, depth, some),
          this.#right,
          undefined,
          { rows: some.length, inner: depth, outer: cols },
        );
      case "NN":
        return linearBackwardReference(
          new Float64Array(some.length * cols),
          this.#right,
          pickRows(this.#left, depth, some),
          { rows: some.length, inner: cols, outer: depth },
        ).dInput;
      case "TN": {
        // The chosen columns of the left operand are the outputs.
        const columns = new Float64Array(depth * some.length);
        for (let k = 0; k < depth; k++) {
          some.forEach((row, i) => {
            columns[k * some.length + i] = this
              .#left[k * this.sizes.rows + row]!;
          });
        }
        return linearBackwardReference(
          this.#right,
          new Float64Array(some.length * cols),
          columns,
          { rows: depth, inner: cols, outer: some.length },
        ).dWeight;
      }
    }
  }
}
