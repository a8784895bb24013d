import type { NamedValues } from "../model/mod.ts";
import type { Context } from "./context.ts";
import { evaluationLine } from "./evaluation_line.ts";
import { Evaluator } from "./evaluator.ts";
import type { PhaseMetrics } from "./phase_metrics.ts";
import type { Recipe } from "./recipe.ts";

/** The best model so far, by validation. */
export interface Best {
  step: number;
  accuracy: number;
  loss: number;
  values: NamedValues;
}

/** Validates a phase's model and keeps the best one. */
export class Selection {
  /** Validations since the best model. */
  waited = 0;
  /** Steps before the last validation; -1 = there was none. */
  validated = -1;
  /** Absent before the first validation, and where there is nothing to validate on. */
  best: Best | undefined;
  readonly #recipe: Recipe;
  /** Steps between validations. */
  readonly #every: number;
  readonly #metrics: PhaseMetrics;
  readonly #validation: Evaluator | undefined;

  constructor(
    context: Context,
    recipe: Recipe,
    { metrics, onBatch }: { metrics: PhaseMetrics; onBatch: () => void },
  ) {
    this.#recipe = recipe;
    this.#every = context.config.evaluation.everySteps || usualInterval(recipe);
    this.#metrics = metrics;
    if (recipe.classifies && context.split.validation.length > 0) {
      this.#validation = new Evaluator(context, {
        model: recipe.evaluated,
        input: recipe.input,
        feature: recipe.feature,
        part: "validation",
        onBatch,
      });
    }
  }

  /** Whether to validate after `step` steps; the one after the last is the conclusion's. */
  isDue(step: number): boolean {
    return step > 0 && step < this.#recipe.steps && step % this.#every === 0;
  }

  /** The validation after `step` steps was interrupted. */
  misses(step: number): boolean {
    return this.isDue(step) && this.validated < step;
  }

  /** Validates the model that `step` steps have made. */
  async validate(step: number): Promise<void> {
    if (this.#validation === undefined) return;
    const result = await this.#validation.run();
    await this.#metrics.add(
      evaluationLine(this.#recipe, { step, split: "validation", result }),
    );
    const { startCompetes, evaluated } = this.#recipe;
    const { best } = this;
    const rises = best === undefined || result.accuracy > best.accuracy;
    // Of equals the later one. Self-training's start stays when it is as good as any;
    // later on few validation images are often equal, and the loss tells more.
    const better = rises || (result.accuracy === best.accuracy &&
      (!startCompetes || (best.step > 0 && result.nll < best.loss)));
    if (better) {
      this.best = {
        step,
        accuracy: result.accuracy,
        loss: result.nll,
        values: await evaluated.parameters.read(),
      };
    }
    this.waited = rises ? 0 : this.waited + 1;
    this.validated = step;
  }

  [Symbol.dispose](): void {
    this.#validation?.[Symbol.dispose]();
  }
}

/** Steps between validations: an epoch, or a quarter of the phase. */
function usualInterval({ epochImages, imagesPerStep, steps }: Recipe): number {
  // Small sets have epochs of a few steps: at most 20 validations a phase.
  const epoch = Math.max(
    Math.ceil(epochImages / imagesPerStep),
    Math.ceil(steps / 20),
  );
  return Math.max(1, Math.min(epoch, Math.floor(steps / 4)));
}
