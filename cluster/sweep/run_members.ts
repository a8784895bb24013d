import type { Slot } from "./slots.ts";

/** Stopped with a checkpoint, or interrupted. */
export const STOPPED: readonly number[] = [75, 130];
/** What is wrong with the configuration or this machine is wrong for all. */
const WRONG = [2, 3];

/**
 * Trains members, one at a time in each slot, until all are done. One that fails
 * leaves the others alone; when one is stopped, or cannot begin, no other begins.
 *
 * @param train Resolves with the exit code.
 * @returns Exit code of the sweep.
 */
export async function runMembers<Member>(
  members: readonly Member[],
  slots: readonly Slot[],
  train: (member: Member, slot: Slot) => Promise<number>,
): Promise<number> {
  const waiting = [...members];
  const codes: number[] = [];
  const found = (wanted: readonly number[]) =>
    codes.find((code) => wanted.includes(code));
  await Promise.all(slots.map(async (slot) => {
    while (waiting.length > 0 && found([...STOPPED, ...WRONG]) === undefined) {
      codes.push(await train(waiting.shift()!, slot));
    }
  }));
  return found(STOPPED) ?? found(WRONG) ??
    (codes.every((code) => code === 0) ? 0 : 1);
}
