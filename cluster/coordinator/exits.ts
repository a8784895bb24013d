import { isUnheard } from "./clocks.ts";
import { fail, isOurs } from "./ending.ts";
import { AGAIN, coordinatorLostMs } from "../protocol.ts";
import type { Failure, State } from "./state.ts";
import {
  blame,
  ended,
  isGone,
  journal,
  membersOf,
  rankOf,
  type Turn,
} from "./turn.ts";

/** A process has ended. */
export function onExit(
  turn: Turn,
  event: { rank: number; code: number; signal: string | null },
): void {
  const { state } = turn;
  const rank = rankOf(turn, event.rank);
  if (rank === undefined || rank.exit !== undefined) return;
  const { code, signal } = event;
  rank.exit = { code, signal };
  const warning = oddEnd(state, event);
  journal(turn, {
    event: "left",
    rank: event.rank,
    code,
    signal,
    ...(warning === undefined ? {} : { warning }),
  });
  if (ended(state)) {
    if (state.failure?.rank === event.rank && !isOurs(state, event)) {
      state.failure = { ...state.failure, ...status(event) };
    }
    return;
  }
  // The others go on without it already.
  if (rank.lost) return;
  // The run needs nothing of it any more: the others bring it to its end.
  if (isDone(state, event.rank)) return;
  // A rank that has reported a consequence leaves because of it.
  const others = membersOf(state).length > 0;
  if (others && hasReported(state, event.rank) && signal === null) return;
  fail(turn, {
    ...blame(turn, event.rank),
    ...status(event),
    kind: "exit",
    ...causeOf(state, event),
    exitCode: code === 2 || code === 3 ? code : 1,
  });
}

function causeOf(
  { limits }: State,
  { code, signal }: { code: number; signal: string | null },
): Pick<Failure, "cause" | "hint"> {
  if (signal === null && code === AGAIN) {
    return {
      cause:
        `exited with code ${AGAIN}, as ranks do that hear nothing of this process for ${
          coordinatorLostMs(limits.dead) / 1000
        } s`,
      hint: "was this process paused (Ctrl-Z), its machine, or the network?",
    };
  }
  if (signal === null) return { cause: `exited with code ${code}` };
  return {
    cause: `killed by ${signal}`,
    ...(signal === "SIGKILL"
      ? { hint: "was it killed by hand, or by the system for its memory?" }
      : {}),
  };
}

/** A process that nobody watches has ended, as far as its connections tell. */
export function onVanished(turn: Turn, rank: number): void {
  const { state, at } = turn;
  const known = rankOf(turn, rank);
  if (known?.hello === undefined || isGone(known) || isDone(state, rank)) {
    return;
  }
  if (isUnheard(known, at)) return;
  if (hasReported(state, rank)) return;
  fail(turn, {
    ...blame(turn, rank),
    kind: "disconnected",
    cause: "all its connections to the NATS server have ended at once",
    exitCode: 1,
  });
}

/** Whether the rank has told of a consequence, whose cause is still to be found. */
function hasReported({ suspicions }: State, rank: number): boolean {
  return suspicions.some(({ from }) => from === rank);
}

/** Whether the rank has delivered all that the run still needs of it. */
function isDone(state: State, rank: number): boolean {
  if (state.stage === "leaving") return true;
  const outcome = state.ranks[rank]?.outcome;
  if (state.stage !== "running" || outcome === undefined) return false;
  return outcome.state === "stopped" ||
    state.phases.every((phase) =>
      state.teams.some((team) => team.phase === phase)
    );
}

/**
 * What to say about a process that ends badly when its work is done: drivers
 * crash or hang in their own clean-up, which must not cost a result.
 */
function oddEnd(
  state: State,
  { rank, code, signal }: { rank: number; code: number; signal: string | null },
): string | undefined {
  if (!isDone(state, rank) || (code === 0 && signal === null)) return undefined;
  // It came when the run was being stopped, and was refused.
  if (state.ranks[rank]?.hello === undefined) return undefined;
  // A second request to stop ends all ranks at once.
  if (state.killed !== undefined && state.stop !== undefined) return undefined;
  const how = state.killed !== undefined
    ? "did not end by itself and was killed"
    : signal === null
    ? `ended with code ${code}`
    : `was ended by ${signal}`;
  return `rank ${rank} ${how} after its work was done: nothing is lost, see logs/rank-${rank}.stderr`;
}

function status(exit: { code: number; signal: string | null }) {
  return exit.signal === null ? { code: exit.code } : { signal: exit.signal };
}
