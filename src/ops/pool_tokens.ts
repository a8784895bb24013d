import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import backward from "./pool_tokens_backward.wgsl" with { type: "text" };
import forward from "./pool_tokens.wgsl" with { type: "text" };
import { realTypeOf } from "./real_type.ts";
import { chooseWide, defineWideKernel } from "./wide_kernel.ts";

const forwardKernel = defineWideKernel("pool_tokens", forward);
const backwardKernel = defineWideKernel("pool_tokens_backward", backward, {
  single: ["First", "Second"],
});

/** Share of each kind of token in a pooled feature. */
export interface PoolWeights {
  class: number;
  /** 0 where there is no distillation token. */
  distillation: number;
  /** Of the mean of the patch tokens. */
  patches: number;
}

/** Arguments of {@linkcode poolTokens}. Features are f32, whatever the tokens are: what reads them is small. */
export interface PoolTokensArgs {
  /** `[batch * tokens, dim]` */
  tokens: Tensor;
  batch: number;
  /** Tokens before the patches: class, or class and distillation. */
  prefix: 1 | 2;
  weights: PoolWeights;
  /** `[batch, dim]` */
  output: Tensor;
}

/** Records a weighted sum of each image's tokens. */
export function poolTokens(program: Program, args: PoolTokensArgs): void {
  const { tokens, batch, prefix, weights, output } = args;
  const dim = tokens.shape.at(-1) ?? 0;
  const count = tokens.length / (batch * dim);
  checkWeights("poolTokens", { prefix, weights, count });
  if (!Number.isInteger(count) || output.length !== batch * dim) {
    throw shapeError("poolTokens", { tokens, output });
  }
  const type = realTypeOf("poolTokens", { tokens }, { output });
  const wide = chooseWide(program, forwardKernel, dim, type);
  const lanes = program.device.form === "register" ? 8 : 64;
  program.dispatch(wide.kernel, {
    uniforms: {
      u32: [count, prefix, dim / wide.width],
      f32: [weights.class, weights.distillation, weights.patches],
    },
    ...wide.bind([tokens], [output]),
    constants: { WORKGROUP_SIZE: lanes },
    workgroups: [Math.ceil(dim / (wide.width * lanes)), batch],
  });
}

/** Arguments of {@linkcode poolTokensBackward}; types as in forward. */
export interface PoolTokensBackwardArgs {
  /** One or two pooled features of the same tokens, `dPooled` `[batch, dim]`. */
  gradients: readonly { dPooled: Tensor; weights: PoolWeights }[];
  /** Gradient that reaches the tokens by another way, `[batch * tokens, dim]` */
  extra?: Tensor;
  batch: number;
  prefix: 1 | 2;
  /** Overwritten, `[batch * tokens, dim]` */
  dTokens: Tensor;
}

/** Records the gradient of {@linkcode poolTokens} for all tokens. */
export function poolTokensBackward(
  program: Program,
  args: PoolTokensBackwardArgs,
): void {
  const { gradients, batch, prefix, dTokens } = args;
  const [first, second = first] = gradients;
  if (first === undefined || second === undefined || gradients.length > 2) {
    throw new RangeError(
      `Cannot record poolTokensBackward: ${gradients.length} pooled features, 1 or 2 expected`,
    );
  }
  const extra = args.extra ?? first.dPooled;
  const dim = dTokens.shape.at(-1) ?? 0;
  const count = dTokens.length / (batch * dim);
  for (const { weights } of gradients) {
    checkWeights("poolTokensBackward", { prefix, weights, count });
  }
  if (
    !Number.isInteger(count) || first.dPooled.length !== batch * dim ||
    second.dPooled.length !== batch * dim ||
    (args.extra !== undefined && extra.length !== dTokens.length)
  ) {
    throw shapeError("poolTokensBackward", {
      dPooled: first.dPooled,
      second: second.dPooled,
      extra,
      dTokens,
    });
  }
  const patches = Math.max(1, count - prefix);
  const type = realTypeOf(
    "poolTokensBackward",
    { dTokens, extra: args.extra },
    { dPooled: first.dPooled, second: second.dPooled },
  );
  const wide = chooseWide(program, backwardKernel, dim, type);
  // Something of the activations' type must be bound where nothing is added.
  const unused = program.scratch([4], type);
  program.dispatch(wide.kernel, {
    uniforms: {
      u32: [batch * count, count, prefix, dim / wide.width],
      f32: [first, second].flatMap(({ weights }) => [
        weights.class,
        weights.distillation,
        weights.patches / patches,
      ]),
    },
    ...wide.bind(
      [first.dPooled, second.dPooled, args.extra ?? unused],
      [dTokens],
    ),
    constants: {
      WORKGROUP_SIZE: program.device.form === "register" ? 8 : 64,
      SECOND: gradients.length === 2 ? 1 : 0,
      EXTRA: args.extra === undefined ? 0 : 1,
    },
    workgroups: batch * count,
  });
  program.release(unused);
}

function checkWeights(
  op: string,
  { prefix, weights, count }: {
    prefix: 1 | 2;
    weights: PoolWeights;
    count: number;
  },
): void {
  if (prefix === 1 && weights.distillation !== 0) {
    throw new RangeError(
      `Cannot record ${op}: weight ${weights.distillation} for a distillation token that is not there`,
    );
  }
  if (count < prefix || (weights.patches !== 0 && count === prefix)) {
    throw new RangeError(
      `Cannot record ${op}: ${count} tokens, ${prefix} of them before the patches`,
    );
  }
}
