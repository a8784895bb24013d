import type { Slot } from "./slots.ts";

/** Stopped with a checkpoint, or interrupted. */
export const STOPPED: readonly number[] = [75, 130];
/** What is wrong with the configuration or this machine is wrong for all. */
export const WRONG: readonly number[] = [2, 3];

/**
 * Trains members, one at a time in each slot, until all are done. One that fails
 * leaves the others alone; when one is stopped, or cannot begin, no other begins.
 * One that can take phases from one in progress waits while there are others.
 *
 * @param alike Whether two members may have phases in common.
 * @param train Resolves with the exit code.
 * @returns Exit code of the sweep.
 */
export async function runMembers<Member>(
  members: readonly Member[],
  { slots, alike, train }: {
    slots: readonly Slot[];
    alike: (one: Member, other: Member) => boolean;
    train: (member: Member, slot: Slot) => Promise<number>;
  },
): Promise<number> {
  const waiting = [...members];
  const running = new Set<Member>();
  const codes: number[] = [];
  const found = (wanted: readonly number[]) =>
    codes.find((code) => wanted.includes(code));
  const next = () => {
    const apart = waiting.findIndex((member) =>
      running.values().every((other) => !alike(member, other))
    );
    return waiting.splice(Math.max(0, apart), 1)[0]!;
  };
  await Promise.all(slots.map(async (slot) => {
    while (waiting.length > 0 && found([...STOPPED, ...WRONG]) === undefined) {
      const member = next();
      running.add(member);
      codes.push(await train(member, slot));
      running.delete(member);
    }
  }));
  return found(STOPPED) ?? found(WRONG) ??
    (codes.every((code) => code === 0) ? 0 : 1);
}
