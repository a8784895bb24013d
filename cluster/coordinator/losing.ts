import type { Failure, State } from "./state.ts";
import {
  isGone,
  journal,
  membersOf,
  order,
  orderPhase,
  regroup,
  teamOf,
  type Turn,
} from "./turn.ts";

/** What a rank learns that is lost and lives, or is started again. */
export const LEFT_OUT =
  "the other ranks go on without this one, until the run is resumed";

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

/**
 * The rank is out for good; the others of its team meet again and go on. Without
 * others, the phase waits for ranks that are done with theirs.
 */
export function lose(turn: Turn, failure: Failure & { rank: number }): void {
  const { state } = turn;
  const lost = state.ranks[failure.rank]!;
  const team = teamOf(state, failure.rank);
  lost.lost = true;
  // What its own have waited for. Those of another team may wait for someone else.
  state.suspicions = state.suspicions.filter(({ from }) =>
    from !== failure.rank && !team?.members.includes(from)
  );
  const members = team?.members.filter((rank) => !isGone(state.ranks[rank]!)) ??
    [];
  const generation = state.generation + 1;
  journal(turn, { event: "rank_lost", failure, generation, members });
  state.teams = state.teams.filter((other) => other !== team);
  if (lost.exit === undefined) {
    // On another machine it may be alive after all.
    const reason = `${LEFT_OUT}: ${failure.cause}`.slice(0, 4096);
    order(turn, failure.rank, { kind: "abort", reason });
    turn.actions.push({ do: "kill", rank: failure.rank });
  }
  if (team === undefined || members.length === 0) return;
  state.teams = [...state.teams, { ...team, members }];
  const reason = `goes on without rank ${failure.rank}: ${failure.cause}`;
  regroup(turn, members, reason.slice(0, 4096));
  for (const index of members) {
    // One that has come to the phase's end must meet the others there again.
    if (state.ranks[index]!.outcome !== undefined) orderPhase(turn, index);
  }
}
