import type { Answer, Order } from "../protocol.ts";
import type { Team } from "./rank_split.ts";
import type {
  Action,
  Failure,
  JournalRecord,
  RankState,
  Stage,
  State,
} from "./state.ts";

/** One transition: the draft that handlers change, and what they ask for. */
export interface Turn {
  readonly state: State;
  readonly actions: Action[];
  readonly at: number;
}

/** Whether the run is over but for the leaving of its processes. */
export function ended(state: State): boolean {
  return state.stage === "leaving" || state.stage === "failing" ||
    state.stage === "over";
}

export function enter({ state, at }: Turn, stage: Stage): void {
  state.stage = stage;
  state.since = at;
}

export function rankOf(turn: Turn, index: number): RankState | undefined {
  return turn.state.ranks[index];
}

/** Ranks that take part, ascending. */
export function membersOf(state: State): number[] {
  return state.ranks.flatMap((rank, index) => isGone(rank) ? [] : [index]);
}

/** Nothing more is to be had of the rank. */
export function isGone({ exit, lost }: RankState): boolean {
  return exit !== undefined || lost === true;
}

/** Those that the rank runs a phase with. */
export function teamOf(state: State, rank: number): Team | undefined {
  return state.teams.find(({ members }) => members.includes(rank));
}

export function answer(turn: Turn, answer: Answer): void {
  turn.actions.push({ do: "answer", answer });
}

export function journal(turn: Turn, record: JournalRecord): void {
  turn.actions.push({ do: "journal", record });
}

export function order(turn: Turn, index: number, order: Order): void {
  const rank = turn.state.ranks[index]!;
  const command = { sequence: ++rank.sequence, order };
  rank.unseen = [...rank.unseen, command];
  turn.actions.push({ do: "send", rank: index, command });
}

/** The phase of the rank's team, from its newest checkpoint. */
export function orderPhase(turn: Turn, index: number): void {
  const rank = turn.state.ranks[index]!;
  const { phase } = teamOf(turn.state, index)!;
  delete rank.outcome;
  order(turn, index, { kind: "phase", phase });
  rank.phaseCommand = rank.sequence;
}

/** The members meet, and exchange with nobody else from now on. */
export function regroup(
  turn: Turn,
  members: readonly number[],
  reason: string,
): void {
  const { state, at } = turn;
  const generation = ++state.generation;
  for (const index of members) {
    const rank = state.ranks[index]!;
    rank.generation = generation;
    rank.peers = members;
    rank.moved = rank.stepped = at;
    rank.stepTimes = [];
    order(turn, index, {
      kind: "regroup",
      generation,
      members: [...members],
      reason,
    });
  }
}

/** What is known about a rank, for the report of its failure. */
export function blame(
  turn: Turn,
  index: number,
): Pick<Failure, "rank" | "host" | "pid" | "adapter" | "phase" | "step"> {
  const rank = turn.state.ranks[index];
  const { beat } = rank ?? {};
  // A beat may be of the phase before.
  const phase = teamOf(turn.state, index)?.phase ?? beat?.phase;
  const step = beat?.phase === phase ? beat?.step ?? 0 : 0;
  return {
    rank: index,
    ...(rank?.hello && { host: rank.hello.host, pid: rank.hello.pid }),
    ...(rank?.ready && { adapter: rank.ready.adapter.name }),
    ...(phase === undefined ? {} : { phase, step }),
  };
}
