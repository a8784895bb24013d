import { endOf, startVerb } from "../launch/mod.ts";
import type { Member, SweepPlan } from "./plan.ts";
import type { Slot } from "./slots.ts";

/**
 * Trains a member in a process of its own, going on where it was stopped;
 * resolves with the exit code of `train`.
 */
export async function runMember(
  { overrides }: SweepPlan,
  member: Member,
  { folder, donors, slot: { args, cores }, quiet }: {
    folder: string;
    /** Members that have done phases as this one would. */
    donors: readonly string[];
    slot: Slot;
    quiet: boolean;
  },
): Promise<number> {
  const child = startVerb("train", [
    ...(member.config === null ? [] : [member.config]),
    ...overrides,
    ...member.overrides,
    `--run-dir=${folder}`,
    "--resume=auto",
    ...donors.map((donor) => `--phases-from=${donor}`),
    ...args,
    ...(quiet ? ["--quiet"] : []),
  ], cores === undefined ? {} : { cores });
  return await endOf(child);
}
