import { startTrain } from "../launch/mod.ts";
import type { Member, SweepPlan } from "./plan.ts";
import type { Slot } from "./slots.ts";

/** Signals that the member is told of; Ctrl-C of a terminal reaches it by itself. */
const FORWARDED = ["SIGTERM", "SIGUSR2", "SIGHUP"] as const;

/**
 * Trains a member in a process of its own, going on where it was stopped;
 * resolves with the exit code of `train`.
 */
export async function runMember(
  { overrides }: SweepPlan,
  member: Member,
  { folder, slot: { args, cores }, quiet }: {
    folder: string;
    slot: Slot;
    quiet: boolean;
  },
): Promise<number> {
  const child = startTrain([
    ...(member.config === null ? [] : [member.config]),
    ...overrides,
    ...member.overrides,
    `--run-dir=${folder}`,
    "--resume=auto",
    ...args,
    ...(quiet ? ["--quiet"] : []),
  ], cores === undefined ? {} : { cores });
  const undo = FORWARDED.map((signal) => {
    const forward = () => child.kill(signal);
    Deno.addSignalListener(signal, forward);
    return () => Deno.removeSignalListener(signal, forward);
  });
  const wait = () => {};
  Deno.addSignalListener("SIGINT", wait);
  try {
    return (await child.status).code;
  } finally {
    Deno.removeSignalListener("SIGINT", wait);
    for (const action of undo) action();
  }
}
