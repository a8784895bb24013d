import { DEAD_AFTER_MS, type Heartbeat, HEARTBEAT_MS } from "../protocol.ts";
import type { Failure, RankState, State } from "./state.ts";
import { isGone, teamOf } from "./turn.ts";

/** Step times that the median is taken over. */
const WINDOW = 21;

/**
 * Whether a rank is silent for so long as only a run bears that sets a longer limit:
 * nobody knows whether it moves, and connections end because nothing passes.
 */
export function isUnheard({ heard }: RankState, at: number): boolean {
  return at - heard > DEAD_AFTER_MS;
}

/** Whether the rank waits for others in a collective. */
function waits(rank: RankState): boolean {
  return rank.beat !== undefined && rank.beat.entered > rank.beat.finished;
}

/** The lower one, so that a first step with its compilation weighs little. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? 0;
}

/** Milliseconds that a rank may go without progress. */
export function progressLimit(state: State, index: number): number {
  const { limits } = state;
  const rank = state.ranks[index]!;
  const team = teamOf(state, index);
  // A rank trains, in its own words, once its first step is done.
  const { beat } = rank;
  return beat?.activity === "training" && beat.phase === team?.phase
    ? Math.max(limits.step, limits.stepFactor * median(rank.stepTimes))
    : limits.slow;
}

/** Takes a heartbeat into the rank's clocks. */
export function hear(state: State, beat: Heartbeat, at: number): void {
  const rank = state.ranks[beat.rank]!;
  const before = rank.beat;
  // Of another process that was started as this rank, and is being refused.
  if (before !== undefined && beat.seen < before.seen) return;
  showLife(state, beat.rank, at);
  // What was on its way when the connection ended is no sign of a new one.
  if (beat.connection !== rank.disconnected?.connection) {
    delete rank.disconnected;
  }
  if (beat.ticks !== before?.ticks || beat.finished !== before.finished) {
    rank.moved = at;
  }
  const same = before !== undefined && before.phase === beat.phase;
  const from = same ? before.step : 0;
  if (beat.activity === "training" && beat.step > from) {
    // The first entry is the time from the order to the first step known.
    const evaluated = before?.activity === "evaluating";
    if (!evaluated || rank.stepTimes.length === 0) {
      const each = (at - rank.stepped) / (beat.step - from);
      rank.stepTimes = [...rank.stepTimes, each].slice(-WINDOW);
    }
    rank.stepped = at;
  }
  rank.beat = beat;
  rank.unseen = rank.unseen.filter((command) => command.sequence > beat.seen);
}

/** A rank is heard, perhaps again: its team could not move without it. */
export function showLife(state: State, index: number, at: number): void {
  const shown = state.ranks[index]!;
  const silence = isUnheard(shown, at) ? at - shown.heard : 0;
  shown.heard = at;
  for (const member of teamOf(state, index)?.members ?? []) {
    const rank = state.ranks[member]!;
    rank.moved = Math.min(at, rank.moved + silence);
    rank.stepped = Math.min(at, rank.stepped + silence);
  }
}

/** Notes the end of a connection, unless the rank has been heard over a newer one. */
export function disconnect(
  rank: RankState,
  connection: string,
  at: number,
): void {
  if ((rank.beat?.connection ?? connection) !== connection) return;
  if (isUnheard(rank, at)) return;
  rank.disconnected ??= { connection, at };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** What is found about a rank; without one the server is to blame. */
export type Finding = Pick<Failure, "kind" | "rank" | "cause" | "hint">;

/** The rank whose heart has stopped, if any: the one silent for longest. */
export function silentRank(state: State, at: number): Finding | undefined {
  let worst: { rank: number; silence: number } | undefined;
  state.ranks.forEach((rank, index) => {
    if (rank.hello === undefined || isGone(rank)) return;
    const silence = at - rank.heard;
    if (silence > state.limits.dead && !(silence <= (worst?.silence ?? 0))) {
      worst = { rank: index, silence };
    }
  });
  if (worst === undefined) return undefined;
  const alive = state.ranks.filter((rank) => rank.hello && !isGone(rank));
  const silence = at - Math.max(...alive.map((rank) => rank.heard));
  if (alive.length > 1 && silence > state.limits.dead) {
    return {
      kind: "server",
      cause: `no sign of life of any rank for ${
        seconds(silence)
      }: the NATS server is stopped or unreachable`,
    };
  }
  // When all fall silent together, they do so within a beat: wait for the last.
  const together = alive.length > 1 && silence > 2 * HEARTBEAT_MS;
  if (together && worst.silence < state.limits.dead + HEARTBEAT_MS) {
    return undefined;
  }
  return {
    kind: "silent",
    rank: worst.rank,
    cause: `no sign of life for ${
      seconds(worst.silence)
    }: the process is stopped or its machine is unreachable`,
    hint: "timeouts.heartbeatSeconds bears longer silence",
  };
}

/** The rank whose connection to the server ended and did not come back. */
export function disconnectedRank(
  state: State,
  at: number,
): Finding | undefined {
  const rank = state.ranks.findIndex((rank) =>
    !isGone(rank) && rank.disconnected !== undefined &&
    at - rank.disconnected.at > state.limits.reconnect
  );
  return rank < 0 ? undefined : {
    kind: "disconnected",
    rank,
    cause: "it lost its connection to the NATS server",
  };
}

/**
 * The rank that holds up the others, if any.
 *
 * When one rank hangs, the others hang in their next collective. So a rank that
 * waits there is blamed only when no other of its team is behind it.
 */
export function stuckRank(
  state: State,
  at: number,
): Finding | undefined {
  // Those who wait for one that is silent are not to blame, and it has a limit of its own.
  const silent = new Set(
    state.ranks.flatMap((rank, index) =>
      !isGone(rank) && isUnheard(rank, at) ? [teamOf(state, index)] : []
    ),
  );
  const busy = state.ranks
    .map((rank, index) => ({ rank, index, team: teamOf(state, index) }))
    .filter(({ rank, team }) =>
      team && !silent.has(team) && !isGone(rank) && !rank.outcome
    );
  const late = busy.filter(({ rank, index }) =>
    at - rank.moved > progressLimit(state, index)
  );
  const culprit = late.find(({ rank }) => !waits(rank)) ??
    late.find(({ rank, team }) =>
      busy.every((other) =>
        other.team !== team ||
        (other.rank.beat?.entered ?? 0) >= (rank.beat?.entered ?? 0)
      )
    );
  if (culprit === undefined) return undefined;
  const { rank, index } = culprit;
  const still = seconds(at - rank.moved);
  return {
    kind: "stuck",
    rank: index,
    cause: waits(rank)
      ? `it waits in collective #${rank.beat!.entered} for ${still}`
      : `no progress for ${still} while ${rank.beat?.activity ?? "opening"}`,
  };
}
