import type { NamedValues } from "../model/mod.ts";
import type { Context } from "./context.ts";
import { writeEvaluation } from "./evaluation_line.ts";
import { Evaluator } from "./evaluator.ts";
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
  /** Absent before the first validation, and where there is nothing to validate on. */
  best: Best | undefined;
  readonly #context: Context;
  readonly #recipe: Recipe;
  readonly #validation: Evaluator | undefined;

  constructor(context: Context, recipe: Recipe, onBatch: () => void) {
    this.#context = context;
    this.#recipe = recipe;
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

  /** Validates the model that `step` steps have made. */
  async validate(step: number): Promise<void> {
    if (this.#validation === undefined) return;
    const result = await this.#validation.run();
    await writeEvaluation(this.#context, this.#recipe, {
      step,
      split: "validation",
      result,
    });
    const { startCompetes, evaluated } = this.#recipe;
    const { best } = this;
    // Of equals the later one, but a start that is as good as any stays.
    const better = best === undefined || result.accuracy > best.accuracy ||
      (!startCompetes && result.accuracy === best.accuracy);
    const rises = best === undefined || result.accuracy > best.accuracy;
    this.waited = rises ? 0 : this.waited + 1;
    if (!better) return;
    this.best = {
      step,
      accuracy: result.accuracy,
      loss: result.nll,
      values: await evaluated.parameters.read(),
    };
  }

  [Symbol.dispose](): void {
    this.#validation?.[Symbol.dispose]();
  }
}
