import type { Program, Tensor } from "../gpu/mod.ts";
import { defineRealKernel, shapeError } from "../gpu/mod.ts";
import backward from "./tokens_backward.wgsl" with { type: "text" };
import prefixGradient from "./tokens_prefix_gradient.wgsl" with {
  type: "text",
};
import forward from "./tokens.wgsl" with { type: "text" };
import { realTypeOf } from "./real_type.ts";
import { chooseWide, defineWideKernel } from "./wide_kernel.ts";

const forwardKernel = defineWideKernel("tokens", forward, {
  single: ["Second", "Third", "Fourth"],
});
const backwardKernel = defineWideKernel("tokens_backward", backward);
const prefixKernels = defineRealKernel(
  "tokens_prefix_gradient",
  prefixGradient,
);

/** Arguments of {@linkcode assembleTokens}; parameters are f32, `patches` and `output` of one type. */
export interface AssembleTokensArgs {
  /** Embedded patches, `[batch * patches, dim]` */
  patches: Tensor;
  /** `[dim]` */
  classToken: Tensor;
  /** `[dim]`; with it there are two tokens before the patches. */
  distillationToken?: Tensor;
  /** `[tokens * dim]` */
  positions: Tensor;
  /** `[batch * tokens, dim]`: class, distillation, patches */
  output: Tensor;
}

/** Records the token rows: prefix tokens and patches plus position embeddings. */
export function assembleTokens(
  program: Program,
  args: AssembleTokensArgs,
): void {
  const { patches, classToken, distillationToken, positions, output } = args;
  const second = distillationToken ?? classToken;
  const { dim, tokens, prefix, batch } = sizes(patches, {
    distilled: distillationToken !== undefined,
    positions,
    tokens: output,
  });
  if (
    !Number.isInteger(batch) || classToken.length !== dim ||
    second.length !== dim ||
    patches.length !== batch * (tokens - prefix) * dim
  ) {
    throw shapeError("assembleTokens", {
      patches,
      classToken,
      distillationToken: second,
      positions,
      output,
    });
  }
  const type = realTypeOf(
    "assembleTokens",
    { patches, output },
    { classToken, distillationToken, positions },
  );
  const wide = chooseWide(program, forwardKernel, dim, type);
  const lanes = program.device.form === "register" ? 8 : 64;
  program.dispatch(wide.kernel, {
    uniforms: { u32: [batch * tokens, tokens, prefix, dim / wide.width] },
    ...wide.bind([patches, positions, classToken, second], [output]),
    constants: { WORKGROUP_SIZE: lanes },
    workgroups: batch * tokens,
  });
}

/** Arguments of {@linkcode assembleTokensBackward}; gradients are overwritten, types as in forward. */
export interface AssembleTokensBackwardArgs {
  /** `[batch * tokens, dim]` */
  dTokens: Tensor;
  /** `[batch * patches, dim]` */
  dPatches: Tensor;
  /** `[dim]` */
  dClassToken: Tensor;
  /** `[dim]` */
  dDistillationToken?: Tensor;
  /** `[tokens * dim]` */
  dPositions: Tensor;
}

/** Records the gradients of {@linkcode assembleTokens}. */
export function assembleTokensBackward(
  program: Program,
  args: AssembleTokensBackwardArgs,
): void {
  const { dTokens, dPatches, dClassToken, dDistillationToken, dPositions } =
    args;
  const second = dDistillationToken ?? dClassToken;
  const { dim, tokens, prefix, batch } = sizes(dPatches, {
    distilled: dDistillationToken !== undefined,
    positions: dPositions,
    tokens: dTokens,
  });
  if (
    !Number.isInteger(batch) || dClassToken.length !== dim ||
    second.length !== dim ||
    dPatches.length !== batch * (tokens - prefix) * dim
  ) {
    throw shapeError("assembleTokensBackward", {
      dTokens,
      dPatches,
      dClassToken,
      dDistillationToken: second,
      dPositions,
    });
  }
  const type = realTypeOf(
    "assembleTokensBackward",
    { dTokens, dPatches },
    { dClassToken, dDistillationToken, dPositions },
  );
  const wide = chooseWide(program, backwardKernel, dim, type);
  const lanes = program.device.form === "register" ? 8 : 64;
  program.dispatch(wide.kernel, {
    uniforms: { u32: [batch, tokens, prefix, dim / wide.width] },
    ...wide.bind([dTokens], [dPositions, dPatches]),
    constants: { WORKGROUP_SIZE: lanes },
    workgroups: [Math.ceil(dim / (wide.width * lanes)), tokens],
  });
  const gradients = dDistillationToken === undefined
    ? [dClassToken]
    : [dClassToken, dDistillationToken];
  gradients.forEach((gradient, token) =>
    program.dispatch(prefixKernels[type], {
      uniforms: { u32: [batch, tokens, token, dim] },
      buffers: [dTokens, gradient],
      workgroups: [Math.ceil(dim / 8)],
    })
  );
}

function sizes(
  patches: Tensor,
  { distilled, positions, tokens: rows }: {
    distilled: boolean;
    positions: Tensor;
    tokens: Tensor;
  },
) {
  const dim = patches.shape.at(-1) ?? 0;
  const tokens = positions.length / dim;
  return {
    dim,
    tokens,
    prefix: distilled ? 2 : 1,
    batch: rows.length / (tokens * dim),
  };
}
