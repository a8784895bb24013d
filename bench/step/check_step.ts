import type { Device } from "../../src/gpu/mod.ts";
import type { Agreement } from "../common/check.ts";
import { stepFlops, type StepModel } from "./models.ts";
import { OurStep } from "./our_step.ts";
import { type StepProblem, stepProblem } from "./step_problem.ts";
import { lossReference, type Weights } from "./step_reference.ts";

/** Operations of a forward pass in float64 that take a second or two. */
const FORWARD_FLOPS = 1.5e9;

/** Halvings of the loss scale until gradients fit. */
const MAX_SKIPPED = 20;

const TOLERANCE = { f32: 1e-4, f16: 2e-2 } as const;

/** What was compared, and how well it agrees. */
export interface StepAgreement extends Agreement {
  /** Images and blocks of the model that the reference could afford. */
  readonly batch: number;
  readonly depth: number;
}

/**
 * Compares the loss with float64, and the gradient with the difference of
 * float64 losses along it:
 *
 *   (L(w + e g) - L(w - e g)) / (2 e |g|^2) = 1
 *
 * The model keeps its width and tokens; batch and depth are cut to what a
 * reference in plain TypeScript can do.
 */
export async function checkStep(
  device: Device,
  model: StepModel,
  precision: StepProblem["precision"],
): Promise<StepAgreement> {
  const small = affordable(model);
  const problem = stepProblem(small, precision);
  using step = await OurStep.open(device, small, problem);
  let first = await step.run();
  // In f16 the loss scale begins high: a step that overflows changes nothing.
  for (let i = 1; i < MAX_SKIPPED && first.skipped; i++) {
    first = await step.run();
  }
  const { loss, lossScale } = first;
  const gradients = await step.gradients();
  const weights: Weights = new Map(
    [...problem.weights].map(([name, { data }]) => [name, data]),
  );
  let square = 0;
  for (const { data } of gradients.values()) {
    for (let i = 0; i < data.length; i++) {
      data[i]! /= lossScale;
      square += data[i]! ** 2;
    }
  }
  const epsilon = 1e-4 / Math.sqrt(square);
  const moved = (factor: number): Weights =>
    new Map(
      [...weights].map(([name, values]) => {
        const g = gradients.get(name)!.data;
        return [
          name,
          Float64Array.from(values, (w, i) => w + factor * epsilon * g[i]!),
        ];
      }),
    );
  const at = (w: Weights) => lossReference(small.config, w, problem);
  const expected = at(weights);
  const slope = (at(moved(1)) - at(moved(-1))) / (2 * epsilon * square);
  const errors = [Math.abs(loss - expected) / expected, Math.abs(slope - 1)];
  const tolerance = TOLERANCE[precision];
  return {
    wrong: errors.filter((error) => !(error <= tolerance)).length,
    error: Math.max(...errors),
    batch: small.batch,
    depth: small.config.depth,
  };
}

function affordable(model: StepModel): StepModel {
  const forward = ({ gemm, attention }: ReturnType<typeof stepFlops>) =>
    (gemm + attention) / 3;
  const perImage = forward(stepFlops({ ...model, batch: 1 }));
  const depth = perImage <= FORWARD_FLOPS
    ? model.config.depth
    : Math.max(1, Math.floor(model.config.depth * FORWARD_FLOPS / perImage));
  const config = { ...model.config, depth };
  const image = forward(stepFlops({ ...model, config, batch: 1 }));
  const batch = Math.max(
    1,
    Math.min(model.batch, 4, Math.floor(FORWARD_FLOPS / image)),
  );
  return { ...model, config, batch };
}
