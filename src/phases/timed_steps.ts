import type { Context } from "./context.ts";
import type { Recipe } from "./recipe.ts";
import { StepRunner } from "./step_runner.ts";

/** Steps that compile and warm up. */
const WARM_UP = 2;
/** Steps that are timed, at least. */
const LEAST_STEPS = 3;

/** How {@linkcode timeSteps} times. */
export interface TimedStepsOptions {
  /** For so long, at least. */
  leastMs: number;
  /** Awaited before the first step that is timed. */
  onWarm?: () => Promise<void>;
}

/**
 * Runs steps of a recipe as the training loop does, but with a learning rate of 0;
 * resolves with the milliseconds of each, from one wait for other ranks to the next:
 * a single piece for a rank alone.
 */
export async function timeSteps(
  context: Context,
  recipe: Recipe,
  { leastMs, onWarm }: TimedStepsOptions,
): Promise<number[][]> {
  const { clock } = context.env;
  const { step: program } = recipe;
  const runner = new StepRunner(context, recipe, { learningRate: () => 0 });
  const times: number[][] = [];
  let pieces: number[] = [];
  let waited = 0;
  program.onSpan = (name, from) => {
    if (name !== "communicate") return;
    pieces.push(from - waited);
    waited = from;
  };
  let since = 0;
  for (let step = 0;; step++) {
    if (step === WARM_UP) {
      program.drain();
      program.takeFinished();
      await onWarm?.();
      since = clock.now();
    }
    await runner.run(step, { stop: false, early: true });
    if (program.full) program.drain();
    const finished = program.takeFinished();
    const timed = program.distributed
      ? [pieces]
      : finished.map(({ totalMs }) => [totalMs]);
    pieces = [];
    if (step < WARM_UP) continue;
    times.push(...timed);
    if (times.length >= LEAST_STEPS && clock.now() - since >= leastMs) {
      program.drain();
      return times;
    }
  }
}
