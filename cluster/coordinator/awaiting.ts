import { type Failure, newRank, type State } from "./state.ts";
import { journal, order, type Turn } from "./turn.ts";

/** Whether another may come in the place of the rank that failed. */
export function mayComeAgain(
  { waits, stage }: State,
  failure: Failure,
): failure is Failure & { rank: number } {
  return waits && stage === "joining" && failure.rank !== undefined;
}

/** Its place is free: the run waits for whoever is started in its stead. */
export function awaitAgain(
  turn: Turn,
  failure: Failure & { rank: number },
): void {
  const { state, at } = turn;
  const { rank, cause } = failure;
  journal(turn, { event: "awaited", failure });
  // Stopped or cut off it may be alive after all, and must not beat for the other.
  const reason = `another rank may have its place: ${cause}`.slice(0, 4096);
  order(turn, rank, { kind: "abort", reason });
  const { guest, peers } = state.ranks[rank]!;
  state.ranks[rank] = {
    ...newRank(at, peers),
    ...(guest === undefined ? {} : { guest }),
  };
}
