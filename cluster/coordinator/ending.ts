import { disconnectedRank, silentRank, stuckRank } from "./clocks.ts";
import { awaitAgain, mayComeAgain } from "./awaiting.ts";
import type { Failure, State } from "./state.ts";
import { lose, mayGoOn } from "./losing.ts";
import {
  blame,
  ended,
  enter,
  isGone,
  journal,
  order,
  type Turn,
} from "./turn.ts";

/** Deadlines: whatever the stage waits for, it does not wait for ever. */
export function watch(turn: Turn): void {
  const { state, at } = turn;
  const { limits, since } = state;
  if (state.stage === "over") return;
  if (state.stage === "leaving" || state.stage === "failing") {
    // A guest that has not come may never do so.
    if (
      state.ranks.every(({ exit, lost, guest, hello }) =>
        exit ?? lost ?? (guest && hello === undefined)
      )
    ) {
      return finish(turn);
    }
    if (state.killed === undefined) {
      if (at - since > limits.leave) killAll(turn, false);
    } else if (at - state.killed > limits.leave) finish(turn);
    return;
  }
  const found = silentRank(state, at) ?? disconnectedRank(state, at) ??
    (state.stage === "running" ? stuckRank(state, at) : undefined);
  if (found !== undefined) {
    const about = found.rank === undefined ? {} : blame(turn, found.rank);
    return fail(turn, { ...about, ...found, exitCode: 1 });
  }
  const due = state.suspicions.find((one) => at - one.at > limits.suspicion);
  if (due !== undefined) return fail(turn, due.failure);
  const { stop } = state;
  if (stop !== undefined && at - stop.at > limits.stop) {
    const rank = state.ranks.findIndex((rank) =>
      !isGone(rank) && !rank.outcome
    );
    return fail(turn, {
      ...(rank < 0 ? {} : blame(turn, rank)),
      kind: "timeout",
      cause: `no checkpoint ${
        Math.round(limits.stop / 1000)
      } s after it was to stop: ${stop.cause}`,
      exitCode: stop.code,
    });
  }
  const limit = state.stage === "joining"
    ? limits.join
    : state.stage === "opening"
    ? limits.open
    : Infinity;
  if (at - since > limit) {
    const seconds = Math.round(limit / 1000);
    const joining = state.stage === "joining";
    const key = joining ? "hello" : "ready";
    const late = state.ranks.flatMap((rank, i) => rank[key] ? [] : [i]);
    const all = late.length > 1 ? `, as ${late.length - 1} others` : "";
    fail(turn, {
      ...blame(turn, late[0]!),
      kind: "timeout",
      cause: joining
        ? `it has not come within ${seconds} s${all}`
        : `still opening after ${seconds} s${all}`,
      exitCode: 1,
    });
  }
}

/** Failures after which the rank ends by itself; after others it is killed. */
const OWN_ENDS: readonly Failure["kind"][] = ["reported", "device", "refused"];

/** Whether the end of a rank is one that we have made. */
export function isOurs(
  { killed, failure }: State,
  { rank, signal }: { rank: number; signal: string | null },
): boolean {
  return signal === "SIGKILL" &&
    (killed !== undefined ||
      failure?.rank === rank && !OWN_ENDS.includes(failure.kind));
}

/**
 * Another takes the place of the rank, or the others go on without it, where that
 * may be. Else the first failure wins: it is kept, the others are told to leave.
 */
export function fail(turn: Turn, failure: Failure): void {
  const { state } = turn;
  if (ended(state)) return;
  if (mayComeAgain(state, failure)) return awaitAgain(turn, failure);
  if (mayGoOn(state, failure)) return lose(turn, failure);
  state.failure = failure;
  state.code = failure.exitCode;
  journal(turn, { event: "failed", failure });
  enter(turn, "failing");
  const reason = failure.rank === undefined
    ? failure.cause
    : `rank ${failure.rank}: ${failure.cause}`;
  state.ranks.forEach((rank, index) => {
    if (rank.exit || rank.lost) return;
    if (index !== failure.rank) {
      order(turn, index, { kind: "abort", reason: reason.slice(0, 4096) });
    } else if (!OWN_ENDS.includes(failure.kind)) {
      turn.actions.push({ do: "kill", rank: index });
    }
  });
}

/** Sends all ranks home; the run ends with `code`. */
export function leave(turn: Turn, code: number): void {
  turn.state.code = code;
  enter(turn, "leaving");
  turn.state.ranks.forEach((rank, index) => {
    if (!rank.exit && !rank.lost) order(turn, index, { kind: "leave" });
  });
}

/** SIGKILL for all that still live. */
export function killAll(turn: Turn, now: boolean): void {
  const { state, at } = turn;
  state.killed ??= at;
  state.ranks.forEach((rank, index) => {
    if (!rank.exit) turn.actions.push({ do: "kill", rank: index });
  });
  if (now && !ended(state)) enter(turn, "leaving");
}

function finish(turn: Turn): void {
  const { code } = turn.state;
  enter(turn, "over");
  journal(turn, { event: "finished", code });
  turn.actions.push({ do: "finish", code });
}
