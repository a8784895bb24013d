import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import stepStruct from "./common/step.wgsl" with { type: "text" };
import wgsl from "./adamw.wgsl" with { type: "text" };

const kernel = defineKernel("adamw", wgsl, [stepStruct]);

/** Arguments of {@linkcode adamw}; segments of one length, a multiple of 4. */
export interface AdamwArgs {
  parameter: Tensor;
  gradient: Tensor;
  firstMoment: Tensor;
  secondMoment: Tensor;
  /** 1 where weight decay applies, else 0, one for each 64 values. */
  decay: Tensor;
  /** Output of `gradientNorm`, `[4]`. */
  norm: Tensor;
  /** Learning rate and bias corrections: the tensor of `StepUniform`. */
  step: Tensor;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Largest gradient norm; 0 does not clip. */
  clipNorm: number;
  /** Factor of the learning rate, for layer-wise decay. */
  rateScale: number;
}

/** Records one AdamW step of a parameter segment. */
export function adamw(program: Program, args: AdamwArgs): void {
  const { parameter, gradient, firstMoment, secondMoment, decay, norm, step } =
    args;
  const { length } = parameter;
  if (
    length % 4 !== 0 || gradient.length !== length ||
    firstMoment.length !== length || secondMoment.length !== length ||
    decay.length < Math.ceil(length / 64) || norm.length !== 4 ||
    step.length !== 8
  ) {
    throw shapeError("adamw", {
      parameter,
      gradient,
      firstMoment,
      secondMoment,
      decay,
      norm,
      step,
    });
  }
  program.dispatch(kernel, {
    uniforms: {
      u32: [length / 4],
      f32: [
        args.beta1,
        args.beta2,
        1 - args.beta1,
        1 - args.beta2,
        args.epsilon,
        args.weightDecay,
        args.clipNorm,
        args.rateScale,
      ],
    },
    buffers: [
      parameter,
      gradient,
      firstMoment,
      secondMoment,
      decay,
      norm,
      step,
    ],
    workgroups: Math.ceil(length / 256),
  });
}
