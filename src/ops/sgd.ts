import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import stepStruct from "./common/step.wgsl" with { type: "text" };
import wgsl from "./sgd.wgsl" with { type: "text" };

const kernel = defineKernel("sgd", wgsl, [stepStruct]);

/** Arguments of {@linkcode sgd}; segments of one length, a multiple of 4. */
export interface SgdArgs {
  parameter: Tensor;
  gradient: Tensor;
  /** Zeros before the first step. */
  momentum: Tensor;
  /** 1 where weight decay applies, else 0, one for each 64 values. */
  decay: Tensor;
  /** Output of `gradientNorm`, `[4]`. */
  norm: Tensor;
  /** Learning rate: the tensor of `StepUniform`. */
  step: Tensor;
  momentumFactor: number;
  weightDecay: number;
  /** Largest gradient norm; 0 does not clip. */
  clipNorm: number;
  /** Factor of the learning rate, for layer-wise decay. */
  rateScale: number;
}

/** Records one step of SGD with momentum of a parameter segment. */
export function sgd(program: Program, args: SgdArgs): void {
  const { parameter, gradient, momentum, decay, norm, step } = args;
  const { length } = parameter;
  if (
    length % 4 !== 0 || gradient.length !== length ||
    momentum.length !== length || decay.length < Math.ceil(length / 64) ||
    norm.length !== 4 || step.length !== 8
  ) {
    throw shapeError("sgd", {
      parameter,
      gradient,
      momentum,
      decay,
      norm,
      step,
    });
  }
  program.dispatch(kernel, {
    uniforms: {
      u32: [length / 4],
      f32: [
        args.momentumFactor,
        args.weightDecay,
        args.clipNorm,
        args.rateScale,
      ],
    },
    buffers: [parameter, gradient, momentum, decay, norm, step],
    workgroups: Math.ceil(length / 256),
  });
}
