import { SignetError } from "../env/mod.ts";
import {
  describeUse,
  type Device,
  DeviceLimitError,
  OutOfMemoryError,
} from "../gpu/mod.ts";
import type { Vit } from "../model/mod.ts";
import { largestFitting, silentCommunicator } from "../training/mod.ts";
import type { Context, Rehearsal } from "./context.ts";
import { goOnWithout } from "./regroup.ts";
import type { PhaseName, PhaseOutcome } from "./engine.ts";
import type { Recipe } from "./recipe.ts";
import { RECIPES } from "./recipes.ts";
import { TrainingLoop } from "./training_loop.ts";

/** Runs a phase; when a rank is lost, the others go on from the step in progress. */
export async function runPhase(
  context: Context,
  name: PhaseName,
): Promise<PhaseOutcome> {
  while (true) {
    const outcome = await runAsLongAsAllLive(context, name);
    if (outcome === undefined) continue;
    context.leftovers.clear();
    return outcome;
  }
}

/** Builds a phase's recipe, runs it and frees its memory; no outcome when a rank was lost. */
async function runAsLongAsAllLive(
  context: Context,
  name: PhaseName,
): Promise<PhaseOutcome | undefined> {
  const rehearsal = done(context, name) ?? await rehearse(context, name);
  const { microBatch, scratch } = rehearsal;
  const { device, log } = context;
  device.memory.restart();
  try {
    const opened = await openPhase({ ...context, microBatch, scratch }, name)
      .catch((error) => goOnWithout(context, error));
    if (opened === undefined) return undefined;
    using phase = opened;
    device.check();
    log("info", "memory of a phase", {
      phase: name,
      bytes: device.memory.bytes,
      ...device.memory.use,
    });
    return await phase.loop.run().catch((error) =>
      goOnWithout(context, error, phase.loop)
    );
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) throw error;
    const { peakBytes, atPeak } = device.memory;
    throw new OutOfMemoryError(
      `Cannot run phase ${name} on rank ${context.communicator.rank}: ${device.adapter.name} has no memory for ${
        describeUse(peakBytes, atPeak)
      }`,
      {
        hint: `set microBatch=${
          Math.max(1, Math.floor(rowsOf(context, microBatch) / 2))
        } or recompute=true; \`deno task plan\` tells what they need`,
        cause: error,
      },
    );
  }
}

/** The rehearsal of this phase with these ranks, if there was one. */
function done(
  { rehearsed, division }: Context,
  phase: PhaseName,
): Rehearsal | undefined {
  return rehearsed?.phase === phase && division.equals(rehearsed.division)
    ? rehearsed.rehearsal
    : undefined;
}

/** A recipe with its models and loop, ready to run. */
export interface OpenPhase {
  readonly recipe: Recipe;
  readonly loop: TrainingLoop;
  [Symbol.dispose](): void;
}

export async function openPhase(
  context: Context,
  name: PhaseName,
): Promise<OpenPhase> {
  const models: Vit[] = [];
  const own = (model: Vit) => {
    models.push(model);
    return model;
  };
  let recipe: Recipe | undefined;
  let loop: TrainingLoop | undefined;
  const dispose = () => {
    loop?.[Symbol.dispose]();
    recipe?.[Symbol.dispose]();
    for (const { parameters } of models) parameters[Symbol.dispose]();
  };
  try {
    recipe = await RECIPES[name](context, own);
    loop = new TrainingLoop(context, recipe);
    return { recipe, loop, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/**
 * Records a phase on a device that only counts, for where its step keeps
 * intermediate values, for the pipelines that it needs, and for the rows that pass
 * through the models together: as configured, or as many of the rank's share as the
 * adapter's limits allow, and no more than when all ranks shared the batch.
 */
export async function rehearse(
  context: Context,
  name: PhaseName,
): Promise<Rehearsal> {
  const { config, communicator, device } = context;
  const { rank, size } = communicator;
  const all = rowsOf(context, 0);
  const share = Math.min(all, context.mostRows);
  const quiet = { log: () => {}, communicator: silentCommunicator(rank, size) };
  const rehearsals = new Map<number, Rehearsal>();
  const record = async (dry: Device, microBatch: number) => {
    const trial = { ...context, ...quiet, device: dry, microBatch };
    using phase = await openPhase(trial, name);
    const scratch = phase.recipe.step.program.scratchPlan;
    const pipelines = dry.pipelines.uses;
    rehearsals.set(microBatch, { microBatch, scratch, pipelines });
  };
  const { microBatch } = config;
  try {
    if (microBatch > 0) {
      using dry = device.rehearsal();
      await record(dry, microBatch);
      return rehearsals.get(microBatch)!;
    }
    const rows = await largestFitting(device, share, record);
    const rehearsal = rehearsals.get(rows)!;
    if (rows === all) return { ...rehearsal, microBatch: 0 };
    context.log("info", "the batch is split to fit the adapter", {
      phase: name,
      images: all,
      micro_batch: rows,
    });
    return rehearsal;
  } catch (error) {
    if (!(error instanceof DeviceLimitError)) throw error;
    throw new SignetError(
      `Cannot run phase ${name} on rank ${rank}: ${
        microBatch > 0
          ? `microBatch=${microBatch} does not fit`
          : "not even a micro-batch of one image fits"
      }: ${error.message}`,
      {
        hint: microBatch > 1
          ? "microBatch=0 takes the largest that fits"
          : "use a smaller model or data.imageSize; relational losses also grow with globalBatch",
        cause: error,
      },
    );
  }
}

function rowsOf({ config, division }: Context, microBatch: number): number {
  const [first, end] = division.own(config.globalBatch);
  return microBatch > 0 ? Math.min(microBatch, end - first) : end - first;
}
