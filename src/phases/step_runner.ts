import type { StepValues } from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import { learningRateAt, type Recipe } from "./recipe.ts";

/** What {@linkcode StepRunner} does otherwise than by default. */
export interface StepRunnerOptions {
  /** At a step; default: as the recipe's schedule says. */
  learningRate?: (step: number) => number;
  /** Told how long the host wrote a batch. */
  onPrepared?: (from: number, to: number) => void;
}

/** How {@linkcode StepRunner.run} does one step. */
export interface StepOrder {
  /** This rank asks to stop after it. */
  stop: boolean;
  /** The batch of the next step may be written while others are waited for. */
  early: boolean;
}

/** What is known of a step when it is submitted. */
export interface SubmittedStep {
  /** A rank asked to stop after it. */
  stop: boolean;
  /** The host's figures of it. */
  known: Record<string, number>;
}

/** Submits the steps of a recipe in order, each with its batch and its values. */
export class StepRunner {
  readonly #context: Context;
  readonly #recipe: Recipe;
  readonly #options: StepRunnerOptions;
  /** The step whose batch is written already. */
  #prepared: number | undefined;
  #before: { state: unknown } | undefined;

  constructor(
    context: Context,
    recipe: Recipe,
    options: StepRunnerOptions = {},
  ) {
    this.#context = context;
    this.#recipe = recipe;
    this.#options = options;
  }

  /** The recipe's state before a step that is not submitted to its end. */
  get before(): { state: unknown } | undefined {
    return this.#before;
  }

  async run(index: number, order: StepOrder): Promise<SubmittedStep> {
    const { step: program, preparesEarly, hostFigures } = this.#recipe;
    if (this.#prepared !== index) await this.#prepare(index);
    this.#prepared = undefined;
    let known: Record<string, number> | undefined;
    const following = index + 1;
    const early = order.early && (preparesEarly?.(following) ?? true);
    // What other ranks have sent may change it before all is there.
    if (program.distributed) this.#before = { state: this.#recipe.save() };
    const stop = await program.run({
      values: this.#valuesOf(index),
      stop: order.stop,
      next: !early ? undefined : async () => {
        known = hostFigures?.();
        await this.#prepare(following);
        this.#prepared = following;
        return this.#valuesOf(following);
      },
    });
    this.#before = undefined;
    return { stop, known: known ?? hostFigures?.() ?? {} };
  }

  async #prepare(index: number): Promise<void> {
    const { clock } = this.#context.env;
    const from = clock.now();
    await this.#recipe.prepare(index);
    this.#options.onPrepared?.(from, clock.now());
  }

  #valuesOf(step: number): StepValues {
    const { phase, optimizer, emaDecay } = this.#recipe;
    const { learningRate = (at) => learningRateAt(this.#recipe, at) } =
      this.#options;
    return {
      seed: this.#context.config.seed,
      stream: STREAMS[phase],
      step,
      learningRate: learningRate(step),
      ...optimizer.corrections(step),
      emaDecay,
    };
  }
}
