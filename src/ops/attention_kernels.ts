import {
  defineRealKernel,
  type Kernel,
  type KernelForm,
  type RealType,
} from "../gpu/mod.ts";
import texels from "./common/texels.wgsl" with { type: "text" };
import forward from "./attention_forward.wgsl" with { type: "text" };
import heads from "./attention_heads.wgsl" with { type: "text" };
import keyGradient from "./attention_key_gradient.wgsl" with { type: "text" };
import scalar from "./attention_operands_scalar.wgsl" with { type: "text" };
import texture from "./attention_operands_texture.wgsl" with { type: "text" };
import vec4 from "./attention_operands_vec4.wgsl" with { type: "text" };
import quadsAligned from "./attention_quads_aligned.wgsl" with { type: "text" };
import quadsAny from "./attention_quads_any.wgsl" with { type: "text" };
import quadsWhole from "./attention_quads_whole.wgsl" with { type: "text" };
import queryGradient from "./attention_query_gradient.wgsl" with {
  type: "text",
};
import rows from "./attention_rows.wgsl" with { type: "text" };
import storesAligned from "./attention_stores_aligned.wgsl" with {
  type: "text",
};
import storesAny from "./attention_stores_any.wgsl" with { type: "text" };
import streamRegister from "./attention_stream_register.wgsl" with {
  type: "text",
};
import streamTiled from "./attention_stream_tiled.wgsl" with { type: "text" };

/** What an attention kernel computes. */
export type AttentionPass = keyof typeof PASSES;

const PASSES = {
  forward,
  query_gradient: queryGradient,
  key_gradient: keyGradient,
};

/** Which kernel computes a pass. */
export interface AttentionVariant {
  form: KernelForm;
  type: RealType;
  headDim: number;
}

/** Elements of a block, as in the kernels. */
const BLOCK = 16;

/** A line of the text that only rows of more than this many blocks need. */
const UNROLLED = /^ *if \(BLOCKS > (\d+)\) \{.*\}$/;

const kernels = new Map<string, Record<RealType, Kernel>>();

/**
 * Made on first use. The number of blocks is in the text and not an `override`:
 * Mesa inlines what a constant turns off before it drops it, at each start, with
 * its cache too: 1.2 s for the three passes of heads of 16 elements.
 */
export function attentionKernel(
  pass: AttentionPass,
  { form, type, headDim }: AttentionVariant,
): Kernel {
  const blocks = Math.ceil(headDim / BLOCK);
  const layout = [16, 32, 64, 128].includes(headDim)
    ? "whole"
    : headDim % 4 === 0
    ? "aligned"
    : "any";
  const name = `attention_${pass}_${form}_${layout}_${blocks}`;
  let kernel = kernels.get(name);
  if (kernel === undefined) {
    kernel = defineRealKernel(
      name,
      PASSES[pass],
      partsOf(form, layout, blocks),
    );
    kernels.set(name, kernel);
  }
  return kernel[type];
}

function partsOf(
  form: KernelForm,
  layout: keyof typeof QUADS,
  blocks: number,
): string[] {
  const stores = layout === "any" ? storesAny : storesAligned;
  const operands = form === "register"
    ? [texels, texture, QUADS[layout], streamRegister]
    : [layout === "any" ? scalar : vec4, streamTiled];
  const constant = `const BLOCKS: u32 = ${blocks};`;
  return [constant, heads, stores, ...operands, unrolled(blocks)];
}

const QUADS = { whole: quadsWhole, aligned: quadsAligned, any: quadsAny };

/** The walk for rows of so many blocks. */
function unrolled(blocks: number): string {
  return rows.split("\n")
    .filter((line) => Number(UNROLLED.exec(line)?.[1] ?? 0) < blocks)
    .join("\n");
}
