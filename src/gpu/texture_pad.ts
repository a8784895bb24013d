import { defineKernel, type Kernel } from "./kernel.ts";
import type { ElementType, RealType } from "./tensor.ts";
import code from "./texture_pad.wgsl" with { type: "text" };

function define(name: string, format: string): Kernel {
  return defineKernel(name, code, [
    `alias Flat = texture_storage_2d<${format}, read>;`,
    `alias Padded = texture_storage_2d<${format}, write>;`,
  ]);
}

const KERNELS: Record<RealType, Kernel> = {
  f32: define("texture_pad", "rgba32float"),
  f16: define("texture_pad_f16", "rgba16float"),
};

/** Copies a matrix whose rows are no whole texels from texture to texture. */
export function padKernel(type: ElementType): Kernel {
  return KERNELS[type === "f16" ? "f16" : "f32"];
}
