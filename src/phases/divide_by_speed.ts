import { Division, soloCommunicator } from "../training/mod.ts";
import type { Context } from "./context.ts";
import { openPhase, rehearse } from "./run_phase.ts";
import { timeSteps } from "./timed_steps.ts";

/** A run begins after so many milliseconds of steps. */
const LEAST_MS = 1500;
/** Sum of all weights, about. */
const PARTS = 1000;

/**
 * How the ranks divide images: alike, or on mixed adapters as many as each computes
 * in the same time. That is measured once a run, by steps of the student on all
 * ranks at a time, since those of a machine share its cores.
 */
export async function divideBySpeed(context: Context): Promise<Division> {
  const { communicator, config, env, runFolder, log } = context;
  const { rank, size } = communicator;
  if (!config.mixed || size === 1) return Division.even(communicator);
  const path = `${runFolder}/shares.json`;
  const shared = communicator.allocate(size);
  if (rank === 0) shared.set(await readWeights(context, path) ?? []);
  await communicator.broadcast(shared, 0);
  if (shared.every((weight) => weight > 0)) {
    return new Division(rank, [...shared]);
  }

  shared[rank] = await measureSpeed(context);
  await communicator.allGather(
    shared,
    Array.from({ length: size + 1 }, (_, r) => r),
  );
  const speeds = [...shared];
  const weights = weightsOf(speeds);
  log("info", "ranks share images by speed", { speeds, weights });
  if (rank === 0) {
    const text = JSON.stringify({ images_per_second: speeds, weights });
    await env.disk.write(path, `${text}\n`);
  }
  return new Division(rank, weights);
}

/** How a rank of these divides images with the others: by speed, or alike. */
export function divisionOf(
  { rank, size }: { rank: number; size: number },
  speeds: readonly number[] | undefined,
): Division {
  return speeds === undefined
    ? Division.even({ rank, size })
    : new Division(rank, weightsOf(speeds));
}

/** Whole numbers, so that sums of them are exact on every machine. */
export function weightsOf(speeds: readonly number[]): number[] {
  const all = speeds.reduce((sum, speed) => sum + speed, 0);
  return speeds.map((speed) => Math.max(1, Math.round(PARTS * speed / all)));
}

/** Those that the run began with, if it had as many ranks: a resumed run is the same to the last bit. */
async function readWeights(
  { env: { disk }, communicator: { size } }: Context,
  path: string,
): Promise<number[] | undefined> {
  if (!await disk.stat(path)) return undefined;
  let weights: unknown;
  try {
    weights = Object(JSON.parse(await disk.readText(path))).weights;
  } catch {
    // Not a file of ours: they are measured anew.
    return undefined;
  }
  const valid = Array.isArray(weights) && weights.length === size &&
    weights.every((weight) =>
      Number.isInteger(weight) && weight > 0 && weight <= PARTS
    );
  return valid ? weights as number[] : undefined;
}

/** Images a second of training the student on an equal share. */
async function measureSpeed(context: Context): Promise<number> {
  const { communicator, config, device } = context;
  const images = Math.ceil(config.globalBatch / communicator.size);
  const solo = soloCommunicator();
  const alone: Context = {
    ...context,
    communicator: solo,
    division: Division.even(solo),
    config: { ...config, globalBatch: images },
    log: () => {},
  };
  const { microBatch, scratch } = await rehearse(alone, "baseline");
  device.memory.restart();
  using phase = await openPhase({ ...alone, microBatch, scratch }, "baseline");
  const times = await timeSteps(alone, phase.recipe, {
    leastMs: LEAST_MS,
    onWarm: () => communicator.barrier(),
  });
  const ms = times.flat().reduce((sum, piece) => sum + piece, 0);
  return 1000 * times.length * images / ms;
}
