import type { Program, Tensor } from "../gpu/mod.ts";
import {
  type NamedTensors,
  packSegments,
  type Segment,
  type Vit,
  type VitConfig,
} from "../model/mod.ts";
import {
  featureMse,
  linearForward,
  linearInputGradient,
  linearWeightGradient,
  scaleBy,
} from "../ops/mod.ts";
import type { Optimizer } from "../training/mod.ts";
import { asF32, GradientSum } from "./losses.ts";

/** Group of the layers that only distillation trains. */
export const PROJECTION = "projection";

/** One linear layer for each teacher, from the student's width to the teacher's. */
export function projectionSegments(
  student: VitConfig,
  teachers: readonly VitConfig[],
): Segment[] {
  return packSegments(
    PROJECTION,
    student.depth + 1,
    teachers.flatMap(({ dim }, i) => [
      [`${PROJECTION}.${i}.weight`, [dim, student.dim]] as const,
      [`${PROJECTION}.${i}.bias`, [dim]] as const,
    ]),
  );
}

/** Arguments of {@linkcode recordFeatureLoss}. */
export interface FeatureLossArgs {
  student: Vit;
  /** `[batch * tokens, dim]` */
  tokens: Tensor;
  /** Of each teacher, `[batch * teacher tokens, teacher dim]`. */
  teachers: readonly Tensor[];
  batch: number;
  rowWeights: Tensor;
  align: "pool" | "projection";
  /** Factor of the gradient: weight over the global batch's size. */
  scale: number;
  /** Mean over the teachers, `[batch]`. */
  loss: Tensor;
  /** Where the projections' gradients go: those of the scaled loss. */
  gradients: NamedTensors;
  optimizer: Optimizer;
}

/**
 * Records the squared difference of the student's and each teacher's tokens, a mean
 * over the teachers; returns the gradient for the student's.
 */
export function recordFeatureLoss(
  program: Program,
  args: FeatureLossArgs,
): Tensor {
  const { student, teachers, batch, rowWeights, align, loss } = args;
  // Its gradient is far below what f16 holds before the loss is scaled.
  const tokens = asF32(program, args.tokens);
  const share = 1 / teachers.length;
  const total = new GradientSum(program.scratch(loss.shape));
  const dTokens = new GradientSum(program.scratch(tokens.shape));
  teachers.forEach((given, i) => {
    const common = {
      // Cached tokens are f32, with the values that f16 ones have.
      teacher: asF32(program, given),
      batch,
      rowWeights,
      scale: args.scale * share,
      loss,
    };
    if (align === "pool") {
      featureMse(program, {
        ...common,
        student: tokens,
        dStudent: dTokens.tensor,
        accumulate: dTokens.next(),
      });
    } else {
      const [weight, bias] = ["weight", "bias"].map((part) =>
        `${PROJECTION}.${i}.${part}`
      ) as [string, string];
      const width = common.teacher.shape[1]!;
      const projected = program.scratch([tokens.shape[0]!, width]);
      const { parameters } = student;
      linearForward(program, {
        input: tokens,
        weight: parameters.get(weight),
        bias: parameters.get(bias),
        output: projected,
      });
      const dProjected = program.scratch(projected.shape);
      featureMse(program, {
        ...common,
        student: projected,
        dStudent: dProjected,
      });
      const own = program.scratch(tokens.shape);
      linearInputGradient(program, {
        dOutput: dProjected,
        weight: parameters.get(weight),
        dInput: own,
      });
      scaleBy(program, {
        input: own,
        output: dTokens.tensor,
        accumulate: dTokens.next(),
      });
      linearWeightGradient(program, {
        input: tokens,
        dOutput: args.optimizer.scaleLoss(program, dProjected),
        dWeight: args.gradients.get(weight),
        dBias: args.gradients.get(bias),
      });
      program.release(projected, dProjected, own);
    }
    scaleBy(program, {
      input: loss,
      output: total.tensor,
      scale: share,
      accumulate: total.next(),
    });
  });
  program.copy(total.tensor, loss);
  program.release(total.tensor);
  return dTokens.tensor;
}
