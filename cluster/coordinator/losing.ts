import type { Failure, State } from "./state.ts";
import { journal, membersOf, order, orderPhase, type Turn } from "./turn.ts";

/** What may befall one rank and leave the others as they are. */
const KINDS: readonly Failure["kind"][] = [
  "exit",
  "silent",
  "stuck",
  "disconnected",
  "device",
];

/** Whether the other ranks can go on without the one that failed. */
export function mayGoOn(
  state: State,
  failure: Failure,
): failure is Failure & { rank: number } {
  const { kind, rank, exitCode } = failure;
  return state.onRankLoss === "continue" && state.stage === "running" &&
    rank !== undefined && KINDS.includes(kind) && exitCode === 1 &&
    membersOf(state).some((member) => member !== rank);
}

/** The rank is out for good; the others meet again and go on. */
export function lose(turn: Turn, failure: Failure & { rank: number }): void {
  const { state, at } = turn;
  const lost = state.ranks[failure.rank]!;
  lost.lost = true;
  delete state.suspicion;
  const members = membersOf(state);
  const generation = ++state.generation;
  journal(turn, { event: "rank_lost", failure, generation, members });
  const reason = `rank ${failure.rank}: ${failure.cause}`.slice(0, 4096);
  if (lost.exit === undefined) {
    // Should it be alive after all, on another machine, it learns that it is out.
    order(turn, failure.rank, { kind: "abort", reason });
    turn.actions.push({ do: "kill", rank: failure.rank });
  }
  for (const index of members) {
    const rank = state.ranks[index]!;
    rank.moved = rank.stepped = at;
    rank.stepTimes = [];
    delete rank.disconnected;
    order(turn, index, { kind: "regroup", generation, members, reason });
    // One that has come to the phase's end must meet the others there again.
    if (rank.outcome !== undefined) orderPhase(turn, index);
  }
}
