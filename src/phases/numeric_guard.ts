import { SignetError } from "../env/mod.ts";
import type { FinishedStep } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { Recipe } from "./recipe.ts";
import { sectionOf } from "./teachers.ts";

/** Training met a value that is not finite. */
export class NumericError extends SignetError {
  override name = "NumericError";
}

/**
 * Warns of a step that was skipped because a scaled gradient overflowed.
 *
 * @throws {NumericError} When the loss or the gradient is not finite otherwise. All
 * ranks see the same sums, so all throw at the same step.
 */
export function guardStep(
  { log }: Context,
  recipe: Recipe,
  { metrics, step }: FinishedStep,
): void {
  const loss = recipe.loss(metrics);
  const { phase } = recipe;
  const gate = metrics.get("gate");
  if (gate === 0 && Number.isFinite(loss)) return;
  if (gate === 1) {
    log("warn", "a gradient overflowed, the step is skipped", {
      phase,
      step: step + 1,
      scale: metrics.get("lossScale"),
    });
    return;
  }
  throw new NumericError(
    `Cannot go on in phase ${phase}, step ${
      step + 1
    }: loss ${loss}, gradient norm ${
      metrics.get("gradientNorm")
    }; the parameters are still those of step ${step}`,
    {
      hint: `lower phases.${
        sectionOf(phase)
      }.optimizer.learningRate or set clipNorm, then --resume auto`,
    },
  );
}
