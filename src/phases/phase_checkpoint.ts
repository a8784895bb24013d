import { toMetadata } from "../classifier/mod.ts";
import type { ParameterSet } from "../model/mod.ts";
import { loadCheckpoint, RunFolder, saveCheckpoint } from "../run/mod.ts";
import { takeFromOwners } from "../training/mod.ts";
import type { Context } from "./context.ts";
import { describeModel } from "./describe_model.ts";
import type { PhaseSummary } from "./engine.ts";
import { fromMissingParts, toMissingParts } from "./missing_gradients.ts";
import { type Recipe, shippedValues } from "./recipe.ts";
import type { Best } from "./selection.ts";
import type { Figures } from "./step_figures.ts";
import { fromTensorMap, toTensorMap } from "./stored_values.ts";

/** How far a phase has come, beside the state of its recipe. */
export interface PhaseState {
  /** Steps that are finished. */
  step: number;
  /** Training seconds so far, over all processes. */
  seconds: number;
  best: Best | undefined;
  /** Validations since the best model. */
  waited: number;
  /** Steps before the last validation; -1 = there was none. */
  validated: number;
  /** Why there are no more steps. */
  ended: PhaseEnd | undefined;
  /** The phase is finished; its model is the chosen one. */
  summary?: PhaseSummary | undefined;
}

/** Why a phase ends before its last step. */
export type PhaseEnd = { stopped: string } | { refused: string };

/** What a checkpoint's `state.json` holds. */
interface StoredState {
  seconds: number;
  figures: unknown;
  recipe: unknown;
  /** The optimizer's; absent in older checkpoints. */
  began?: number;
  lossScale: number[] | null;
  best: { step: number; accuracy: number; loss: number } | null;
  waited: number;
  validated: number;
  ended: PhaseEnd | null;
  summary?: PhaseSummary;
}

/** Writes a checkpoint on rank 0; returns its name when it is there. */
export async function savePhase(
  context: Context,
  recipe: Recipe,
  {
    step,
    seconds,
    best,
    waited,
    validated,
    ended,
    summary,
    figures,
    recipe: recipeState,
  }: PhaseState & { figures: Figures; recipe: unknown },
): Promise<string> {
  const { communicator, env, runFolder, config } = context;
  const { phase, model, optimizer } = recipe;
  const missing = summary ? [] : await recipe.step.gatherMissing(communicator);
  if (config.mixed && !summary) {
    await takeFromOwners(context.device, communicator, optimizer.moments);
  }
  if (communicator.rank === 0) {
    const parts: Parameters<typeof saveCheckpoint>[2]["parts"] = {
      // A finished phase keeps the chosen model; before, the one in training.
      model: toTensorMap(
        summary ? await shippedValues(recipe) : await model.parameters.read(),
      ),
      ...(summary ? {} : {
        optimizer: await readStates(optimizer.state),
        ...(optimizer.average
          ? { ema: toTensorMap(await optimizer.average.read()) }
          : {}),
        ...(best ? { best: toTensorMap(best.values) } : {}),
        ...(missing.length > 0 ? { missing: toMissingParts(missing) } : {}),
      }),
    };
    const state: StoredState = {
      seconds,
      figures: figures.save(),
      recipe: recipeState,
      began: optimizer.began,
      lossScale: await optimizer.lossScale?.save() ?? null,
      best: best
        ? { step: best.step, accuracy: best.accuracy, loss: best.loss }
        : null,
      waited,
      validated,
      ended: ended ?? null,
      ...(summary ? { summary } : {}),
    };
    await saveCheckpoint(env.disk, runFolder, {
      phase,
      step,
      parts,
      state,
      best: summary !== undefined,
      keep: config.checkpoint.keep,
      metadata: toMetadata(
        describeModel(context, recipe, summary?.temperature),
      ),
    });
  }
  // Nobody goes on, and perhaps dies, before the checkpoint is there.
  await communicator.barrier();
  return `${phase}-${step}`;
}

/** Puts a recipe and `figures` into the state of the phase's newest checkpoint; undefined when there is none. */
export async function resumePhase(
  { env, runFolder, log, communicator }: Context,
  recipe: Recipe,
  figures: Figures,
): Promise<PhaseState | undefined> {
  const { phase, model, optimizer, evaluated } = recipe;
  const checkpoint = await loadCheckpoint(env.disk, runFolder, { phase });
  for (const reason of checkpoint?.skipped ?? []) {
    log("warn", `skipped a damaged checkpoint: ${reason}`);
  }
  const cut = async (from: { step: number; validated: number }) => {
    if (communicator.rank !== 0) return;
    await new RunFolder(env.disk, runFolder).truncateMetrics(phase, from);
  };
  if (checkpoint === undefined) {
    await cut({ step: -1, validated: -1 });
    return undefined;
  }
  const { step, parts } = checkpoint;
  const state = checkpoint.state as StoredState;
  const { seconds, waited, validated, summary } = state;
  const ended = state.ended ?? undefined;
  if (summary) {
    evaluated.parameters.writeAll(fromTensorMap(parts.model));
    const best = undefined;
    return { step, seconds, best, waited, validated, ended, summary };
  }
  await cut({ step, validated });
  model.parameters.writeAll(fromTensorMap(parts.model));
  for (const [name, set] of Object.entries(optimizer.state)) {
    const prefix = `${name}.`;
    set.writeAll(
      new Map(
        [...fromTensorMap(parts.optimizer)]
          .filter(([key]) => key.startsWith(prefix))
          .map(([key, value]) => [key.slice(prefix.length), value]),
      ),
    );
  }
  optimizer.average?.writeAll(fromTensorMap(parts.ema));
  recipe.step.restoreMissing(fromMissingParts(parts.missing));
  figures.restore(state.figures);
  recipe.restore(state.recipe);
  optimizer.began = state.began ?? 0;
  if (state.lossScale) optimizer.lossScale?.restore(state.lossScale);
  log("info", `resumed phase ${phase} after step ${step}`);
  const best = state.best && parts.best
    ? { ...state.best, values: fromTensorMap(parts.best) }
    : undefined;
  return { step, seconds, best, waited, validated, ended };
}

/** Optimizer state by `set.parameter`; a set at a time, to stage little. */
export async function readStates(sets: Record<string, ParameterSet>) {
  const values: ReturnType<typeof toTensorMap> = new Map();
  for (const [name, set] of Object.entries(sets)) {
    for (const [key, value] of toTensorMap(await set.read())) {
      values.set(`${name}.${key}`, value);
    }
  }
  return values;
}
