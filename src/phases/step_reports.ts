import type { FinishedStep } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { PhaseMetrics } from "./phase_metrics.ts";
import { learningRateAt, type Recipe } from "./recipe.ts";
import { StragglerWatch } from "./straggler_watch.ts";
import { Figures } from "./step_figures.ts";

/** Lines of a phase in `metrics.jsonl`. */
const LINES = 100;

/** Milliseconds between two reports to the console. */
const SHOWN_MS = 1000;

/** Means of steps for the console and `metrics.jsonl`. */
export class StepReports {
  /** Since the last line; part of a checkpoint. */
  readonly figures: Figures;
  readonly #context: Context;
  readonly #recipe: Recipe;
  readonly #metrics: PhaseMetrics;
  readonly #watch = new StragglerWatch();
  /** The first step of each life is shown. */
  #lastShown = -Infinity;

  constructor(context: Context, recipe: Recipe, metrics: PhaseMetrics) {
    this.#context = context;
    this.#recipe = recipe;
    this.#metrics = metrics;
    this.figures = new Figures(recipe);
  }

  /**
   * Adds a step to the means; writes and shows them when due.
   *
   * @param more.known What the host knew when the step was submitted.
   * @param more.validationAccuracy The best so far.
   */
  async add(finished: FinishedStep, more: {
    known: Record<string, number>;
    validationAccuracy: number | undefined;
  }): Promise<void> {
    const { env } = this.#context;
    const { phase, steps, imagesPerStep, epochImages } = this.#recipe;
    this.figures.add(finished, more.known);
    this.#watch.add(finished);
    const step = finished.step + 1;
    const now = env.clock.now();
    const due = step % Math.max(1, Math.ceil(steps / LINES)) === 0 ||
      step === steps;
    const shown = now - this.#lastShown >= SHOWN_MS || step === steps;
    if ((!due && !shown) || this.figures.empty) return;
    const means = this.figures.means(finished.timings);
    const epoch = step * imagesPerStep / epochImages;
    const learningRate = learningRateAt(this.#recipe, finished.step);
    if (shown) {
      this.#lastShown = now;
      const { mask_rate: maskRate } = means;
      const { validationAccuracy } = more;
      const straggler = this.#watch.verdict;
      this.#context.onProgress({
        phase,
        step,
        steps,
        epoch,
        loss: means.loss,
        learningRate,
        imagesPerSecond: means.images_per_second,
        dataMs: means.data_ms,
        forwardMs: means.forward_ms,
        backwardMs: means.backward_ms,
        communicationMs: means.communication_ms,
        ...(validationAccuracy === undefined ? {} : { validationAccuracy }),
        ...(maskRate === undefined ? {} : { maskRate }),
        ...(straggler === undefined ? {} : { straggler }),
      });
    }
    if (!due) return;
    await this.#metrics.add({
      phase,
      step,
      epoch,
      split: "train",
      lr: learningRate,
      ...means,
    });
    this.figures.reset();
  }
}
