import { listCheckpoints } from "../run/mod.ts";
import { type Communicator, Division } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { PhaseName } from "./engine.ts";

/** Work in progress that the ranks which are left can go on with. */
export interface Unfinished {
  phase: PhaseName;
  /** Steps that this rank has finished. */
  step: number;
  /** Puts the state after that step into a checkpoint. */
  save(): Promise<void>;
}

/**
 * After a failed exchange: the context's ranks become those that are left, and a
 * checkpoint holds the newest step that one of them has finished. In the middle
 * of a step some may have finished it and others not; nobody's parameters are in
 * between, since a step changes them when all sums are there.
 *
 * @throws The error, when there is nobody to go on with.
 */
export async function goOnWithout(
  context: Context,
  error: unknown,
  work?: Unfinished,
): Promise<undefined> {
  for (let cause = error;;) {
    const left = await context.regroup?.(cause);
    if (left === undefined) throw cause;
    try {
      await keepNewest(context, left, work);
      context.division = await divideAgain(context, left);
      context.communicator = left;
      return undefined;
    } catch (next) {
      // Another one may be lost while they meet.
      cause = next;
    }
  }
}

/** The division as it was, without those that are lost. */
async function divideAgain(
  { communicator: before, config, division }: Context,
  left: Communicator,
): Promise<Division> {
  const { rank, size } = left;
  if (!config.mixed) return Division.even(left);
  const weights = left.allocate(size);
  weights[rank] = division.weights[before.rank]!;
  await left.allGather(
    weights,
    Array.from({ length: size + 1 }, (_, r) => r),
  );
  return new Division(rank, [...weights]);
}

async function keepNewest(
  { env, runFolder, log }: Context,
  communicator: Communicator,
  work: Unfinished | undefined,
): Promise<void> {
  const { rank, size } = communicator;
  const steps = communicator.allocate(size);
  steps[rank] = work?.step ?? -1;
  await communicator.allGather(
    steps,
    Array.from({ length: size + 1 }, (_, r) => r),
  );
  const newest = Math.max(...steps);
  if (work !== undefined && newest > 0 && steps.indexOf(newest) === rank) {
    const there = (await listCheckpoints(env.disk, runFolder)).some((entry) =>
      entry.phase === work.phase && entry.step >= newest
    );
    if (!there) await work.save();
    log("info", `${size} ranks go on after step ${newest}`);
  }
  await communicator.barrier();
}
