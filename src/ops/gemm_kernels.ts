import {
  defineKernel,
  type Kernel,
  type KernelForm,
  type RealType,
} from "../gpu/mod.ts";
import gelu from "./common/gelu.wgsl" with { type: "text" };
import blocks from "./gemm_blocks.wgsl" with { type: "text" };
import common from "./gemm_common.wgsl" with { type: "text" };
import scalar from "./gemm_operands_scalar.wgsl" with { type: "text" };
import texture from "./gemm_operands_texture.wgsl" with { type: "text" };
import vec4 from "./gemm_operands_vec4.wgsl" with { type: "text" };
import outputsScalar from "./gemm_outputs_scalar.wgsl" with { type: "text" };
import outputsVec4 from "./gemm_outputs_vec4.wgsl" with { type: "text" };
import register from "./gemm_register.wgsl" with { type: "text" };
import transposed from "./gemm_register_transposed.wgsl" with { type: "text" };
import tiled from "./gemm_tiled.wgsl" with { type: "text" };

/** Which kernel multiplies two matrices. */
export interface GemmVariant {
  form: KernelForm;
  left: RealType;
  right: RealType;
  bias: RealType;
  output: RealType;
  transposeLeft: boolean;
  /** Rows of the output, in `tiled` form of all matrices, are multiples of 4 long. */
  aligned: boolean;
}

const kernels = new Map<string, Kernel>();

/** Made on first use: few of the combinations occur in a run. */
export function gemmKernel(variant: GemmVariant): Kernel {
  const { form, left, right, bias, output, transposeLeft, aligned } = variant;
  const turned = form === "register" && transposeLeft ? "_transposed" : "";
  const types = [left, right, bias, output];
  const suffix = types.includes("f16") ? `_${types.join("_")}` : "";
  const name = `gemm_${form}${turned}${aligned ? "" : "_scalar"}${suffix}`;
  let kernel = kernels.get(name);
  if (kernel === undefined) {
    kernel = defineKernel(name, bodyOf(variant), partsOf(variant));
    kernels.set(name, kernel);
  }
  return kernel;
}

function bodyOf({ form, transposeLeft }: GemmVariant): string {
  return form === "tiled" ? tiled : transposeLeft ? transposed : register;
}

function partsOf(variant: GemmVariant): string[] {
  const { form, aligned } = variant;
  const parts = form === "register"
    ? [texture]
    : [aligned ? vec4 : scalar, blocks];
  const outputs = aligned ? outputsVec4 : outputsScalar;
  return [typesOf(variant), gelu, common, ...parts, outputs];
}

function typesOf({ form, left, right, bias, output }: GemmVariant): string {
  const types = { Left: left, Right: right, Bias: bias, Output: output };
  const lines = Object.entries(types).map(([name, type]) =>
    `alias ${name} = ${type};`
  );
  lines.push("alias Bias4 = vec4<Bias>;");
  if (form === "register") {
    // Where no operand has the output's type there is no epilogue that reads it.
    const read = output === left ? left : right;
    for (const [name, type] of Object.entries({ ...types, Output: read })) {
      const format = type === "f16" ? "rgba16float" : "rgba32float";
      lines.push(
        `alias ${name}Texels = texture_storage_2d<${format}, read>;`,
      );
    }
  }
  const f16 = Object.values(types).includes("f16");
  return [...(f16 ? ["enable f16;"] : []), ...lines].join("\n");
}
