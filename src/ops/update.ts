import {
  defineRealKernel,
  type Kernel,
  type Program,
  type RealType,
  shapeError,
  type Tensor,
} from "../gpu/mod.ts";
import stepStruct from "./common/step.wgsl" with { type: "text" };
import common from "./common/update.wgsl" with { type: "text" };

/** What the optimizers read and write, segments of one length, a multiple of 4. */
export interface UpdateArgs {
  parameter: Tensor;
  gradient: Tensor;
  /** Moving average of the parameters, moved in the same pass. */
  average?: Tensor | undefined;
  /** f16 copy of the parameters, renewed in the same pass. */
  half?: Tensor | undefined;
  /** 1 where weight decay applies, else 0, one for each 64 values. */
  decay: Tensor;
  /** Output of `gradientNorm`, `[4]`. */
  norm: Tensor;
  /** Learning rate, bias corrections and decay of the average: the tensor of `StepUniform`. */
  step: Tensor;
  weightDecay: number;
  /** Largest gradient norm; 0 does not clip. */
  clipNorm: number;
  /** Factor of the learning rate, for layer-wise decay. */
  rateScale: number;
}

/** A kernel written with `common/update.wgsl`, by the type of the copy. */
export type UpdateKernel = Record<RealType, Kernel>;

export function defineUpdate(name: string, wgsl: string): UpdateKernel {
  return defineRealKernel(name, wgsl, [stepStruct, common]);
}

/** Records an optimizer's kernel; `moments` are its state, `f32` its constants. */
export function dispatchUpdate(
  program: Program,
  kernel: UpdateKernel,
  { op, args, moments, f32 }: {
    op: string;
    args: UpdateArgs;
    moments: Record<string, Tensor>;
    f32: readonly number[];
  },
): void {
  const { parameter, gradient, average, half, decay, norm, step } = args;
  const { length } = parameter;
  const segments = { parameter, gradient, ...moments };
  const copies = [average, half].filter((tensor) => tensor !== undefined);
  if (
    length % 4 !== 0 || decay.length < Math.ceil(length / 64) ||
    norm.length !== 4 || step.length !== 8 ||
    [...Object.values(segments), ...copies]
      .some((tensor) => tensor.length !== length) ||
    (half !== undefined && half.type !== "f16")
  ) {
    throw shapeError(op, {
      ...segments,
      ...(average && { average }),
      ...(half && { half }),
      decay,
      norm,
      step,
    });
  }
  // Something must be bound where nothing is kept.
  const unused = [program.scratch([4]), program.scratch([4])] as const;
  program.dispatch(kernel[half === undefined ? "f32" : "f16"], {
    uniforms: { u32: [length / 4], f32 },
    buffers: [
      step,
      norm,
      gradient,
      decay,
      parameter,
      average ?? unused[0],
      half ?? unused[1],
      ...Object.values(moments),
    ],
    constants: {
      AVERAGE: Number(average !== undefined),
      HALF: Number(half !== undefined),
    },
    workgroups: Math.ceil(length / 256),
  });
  program.release(...unused);
}
