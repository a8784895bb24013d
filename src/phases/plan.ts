import type { Env } from "../env/mod.ts";
import type { Config } from "../config/mod.ts";
import type { Device, MemoryUse } from "../gpu/mod.ts";
import { countParameters } from "../model/mod.ts";
import type { Context } from "./context.ts";
import { cutEdges } from "./cut_edges.ts";
import { divisionOf } from "./divide_by_speed.ts";
import type { PhaseName } from "./engine.ts";
import { loadContext, loadImages } from "./load_context.ts";
import { openPhase, rehearse } from "./run_phase.ts";
import { silentOptions } from "./silent_options.ts";
import { phasesWithSteps } from "./teachers.ts";

/** What one rank holds during a phase. */
export interface RankPlan {
  ranks: number[];
  /** Images of each step. */
  images: number;
  /** Images that pass through the models together. */
  micro_batch: number;
  micro_batches: number;
  /** Floating-point operations of a step's matrix products, attention among them. */
  flops: number;
  peak_bytes: number;
  /** Bytes by kind at the peak. */
  memory: MemoryUse;
  /** Scratch buffers of the step: their bytes, and the least that lifetimes allow. */
  pool: { bytes: number; lower_bound: number; buffers: number[] };
}

/** What a phase would do and hold. */
export interface PhasePlan {
  phase: PhaseName;
  steps: number;
  images: number;
  images_per_step: number;
  parameters: number;
  /** Bytes of the gradients that each step sums over the ranks, in the order they leave. */
  all_reduce_bytes: number;
  bucket_bytes: number[];
  /** Bytes of a rank's rows that each step hands to the others. */
  gather_bytes: number[];
  ranks: RankPlan[];
}

/** What a configuration would run. */
export interface Plan {
  ranks: number;
  global_batch: number;
  /** Images of the global batch that each rank has. */
  shares: number[];
  recompute: boolean;
  data: { name: string; train: number; test: number; bytes: number };
  /** What `train` would warn of. */
  warnings: string[];
  phases: PhasePlan[];
}

/**
 * Records every phase on a device that only counts, with each size of share
 * that ranks have, and tells what was allocated.
 */
export async function planRun(
  { env, config, ranks, device, speeds }: {
    env: Env;
    config: Config;
    ranks: number;
    /** Dry. */
    device: Device;
    /** Of mixed adapters, one a rank, in any unit; left out, all are alike. */
    speeds?: readonly number[] | undefined;
  },
): Promise<Plan> {
  const options = (rank: number) =>
    silentOptions({ env, config, rank, size: ranks });
  const shares = Array.from({ length: ranks }, (_, rank) => {
    const division = divisionOf({ rank, size: ranks }, speeds);
    const [first, end] = division.own(config.globalBatch);
    return end - first;
  });
  const { log } = options(0);
  const images = await loadImages({ env, config, log });
  const loaded = await loadContext(options(0), device, images);
  const { data } = loaded;
  const phases: PhasePlan[] = [];
  for (const phase of phasesWithSteps(config)) {
    let planned: PhasePlan | undefined;
    for (const sharers of equalShares(shares)) {
      const [first] = sharers as [number];
      const context = {
        ...loaded,
        ...options(first),
        division: divisionOf({ rank: first, size: ranks }, speeds),
        mostRows: shares[first]!,
      };
      const { rank, ...rest } = await planPhase(context, phase);
      planned ??= { ...rest, ranks: [] };
      planned.ranks.push({ ...rank, ranks: sharers });
    }
    phases.push(planned!);
  }
  return {
    ranks,
    global_batch: config.globalBatch,
    shares,
    recompute: config.recompute,
    data: {
      name: data.name,
      train: data.train.count,
      test: data.test.count,
      bytes: loaded.trainStore.bytes + loaded.testStore.bytes,
    },
    warnings: cutEdges(config, data),
    phases,
  };
}

async function planPhase(
  context: Context,
  name: PhaseName,
): Promise<Omit<PhasePlan, "ranks"> & { rank: Omit<RankPlan, "ranks"> }> {
  const { device, config } = context;
  const [first, end] = context.division.own(config.globalBatch);
  const { microBatch, scratch } = await rehearse(context, name);
  device.memory.restart();
  using phase = await openPhase({ ...context, microBatch, scratch }, name);
  const { recipe, loop } = phase;
  await loop.rehearse();
  const { peakBytes, atPeak } = device.memory;
  const { buckets, gathers } = recipe.step.traffic;
  const { bytes, lowerBound, sizes } = recipe.step.program.scratchPool;
  const images = end - first;
  const rows = microBatch > 0 ? Math.min(microBatch, images) : images;
  return {
    phase: name,
    steps: recipe.steps,
    images: recipe.steps * recipe.imagesPerStep,
    images_per_step: recipe.imagesPerStep,
    parameters: countParameters(recipe.model.parameters.segments),
    all_reduce_bytes: buckets.reduce((sum, size) => sum + size, 0),
    bucket_bytes: buckets,
    gather_bytes: gathers,
    rank: {
      images,
      micro_batch: rows,
      micro_batches: Math.ceil(images / rows),
      flops: recipe.step.program.flops,
      peak_bytes: peakBytes,
      memory: atPeak,
      pool: { bytes, lower_bound: lowerBound, buffers: sizes },
    },
  };
}

/** Ranks by the size of their share, larger shares first. */
function equalShares(shares: readonly number[]): number[][] {
  const sizes = Map.groupBy(shares.keys(), (rank) => shares[rank]!);
  return [...sizes].sort((a, b) => b[0] - a[0]).map(([, sharers]) => sharers);
}
