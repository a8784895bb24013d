import type { Failed, Outcome } from "../protocol.ts";
import { disconnect, hear, showLife } from "./clocks.ts";
import { onExit, onVanished } from "./exits.ts";
import { fail, killAll, leave, watch } from "./ending.ts";
import { onHello, onReady } from "./joining.ts";
import { onLease } from "./leasing.ts";
import { LEFT_OUT } from "./losing.ts";
import { endPhases } from "./schedule.ts";
import type {
  Action,
  ClusterEvent,
  Failure,
  State,
  StopRequest,
} from "./state.ts";
import {
  answer,
  blame,
  ended,
  isGone,
  journal,
  membersOf,
  order,
  orderPhase,
  rankOf,
  teamOf,
  type Turn,
} from "./turn.ts";

/** A gap between events that means this process itself was paused, in ms. */
const PAUSE_MS = 2000;

/**
 * The coordinator's whole judgement: what follows from an event.
 *
 * Pure, so a simulation can run every schedule and failure. Stages go
 * joining -> opening -> running -> leaving -> over, or to failing -> over.
 */
export function advance(
  before: State,
  event: ClusterEvent,
): [State, Action[]] {
  const state: State = {
    ...before,
    ranks: before.ranks.map((rank) => ({ ...rank })),
    at: Math.max(before.at, event.at),
  };
  const turn: Turn = { state, actions: [], at: state.at };
  if (turn.at - before.at > PAUSE_MS) forgive(turn, turn.at - before.at);
  handle(turn, event);
  // Deadlines are seconds; to look at every rank at every heartbeat is rank^2 work.
  if (event.kind === "tick" || ended(state)) watch(turn);
  // The last word may come from one that is not waited for any more.
  if (state.stage === "running") endPhases(turn);
  return [state, turn.actions];
}

/** After a pause of this process everybody gets the lost time back. */
function forgive({ state }: Turn, gap: number): void {
  state.since += gap;
  if (state.stop) state.stop = { ...state.stop, at: state.stop.at + gap };
  if (state.killed !== undefined) state.killed += gap;
  for (const rank of state.ranks) {
    rank.heard += gap;
    rank.moved += gap;
    rank.stepped += gap;
    if (rank.disconnected !== undefined) {
      const { connection, at } = rank.disconnected;
      rank.disconnected = { connection, at: at + gap };
    }
  }
  state.suspicions = state.suspicions.map((suspicion) => ({
    ...suspicion,
    at: suspicion.at + gap,
  }));
}

function handle(turn: Turn, event: ClusterEvent): void {
  const { state, at } = turn;
  switch (event.kind) {
    case "hello":
      return onHello(turn, event.hello);
    case "ready":
      return onReady(turn, event.ready);
    case "outcome": {
      answer(turn, { kind: "ok" });
      const rank = rankOf(turn, event.outcome.rank);
      if (rank === undefined || isGone(rank)) return;
      if (state.stage !== "running") return;
      showLife(state, event.outcome.rank, at);
      const { command, outcome } = event.outcome;
      // Repeated, or of a phase before.
      if (rank.outcome !== undefined || command !== rank.phaseCommand) return;
      if ((event.outcome.generation ?? 1) < rank.generation) {
        return orderPhase(turn, event.outcome.rank);
      }
      noteWire(turn, event.outcome);
      rank.outcome = outcome;
      return;
    }
    case "failed":
      return onFailed(turn, event.failed);
    case "lease":
      return onLease(turn, event.request);
    case "heartbeat": {
      const rank = rankOf(turn, event.heartbeat.rank);
      if (rank?.hello === undefined) return;
      hear(state, event.heartbeat, at);
      if (state.stage === "over") return;
      for (const command of rank.unseen) {
        turn.actions.push({
          do: "send",
          rank: event.heartbeat.rank,
          command,
        });
      }
      return;
    }
    case "present":
      return answer(
        turn,
        rankOf(turn, event.rank)?.lost
          ? { kind: "refused", reason: LEFT_OUT }
          : { kind: "ok" },
      );
    case "exited":
      return onExit(turn, event);
    case "disconnected": {
      const rank = rankOf(turn, event.rank);
      if (rank?.hello !== undefined) disconnect(rank, event.connection, at);
      return;
    }
    case "vanished":
      return onVanished(turn, event.rank);
    case "straggler":
      return onStraggler(turn, event);
    case "server_lost":
      return fail(turn, { kind: "server", cause: event.cause, exitCode: 1 });
    case "stop":
      return onStop(turn, event.request);
    case "tick":
      return;
  }
}

/** Journals what is not zero. */
function noteWire(turn: Turn, { rank, wire }: Outcome): void {
  const counts = Object.fromEntries(
    Object.entries(wire ?? {}).filter(([, count]) => count > 0),
  );
  if (Object.keys(counts).length === 0) return;
  journal(turn, { event: "wire", rank, counts });
}

/** Worth a line once for each phase, rank and cause. */
function onStraggler(
  turn: Turn,
  { phase, step, straggler }: ClusterEvent & { kind: "straggler" },
): void {
  const { state } = turn;
  const known = state.stragglers[phase];
  if (
    !state.teams.some((team) => team.phase === phase) ||
    (known?.rank === straggler.rank && known?.cause === straggler.cause)
  ) return;
  state.stragglers = { ...state.stragglers, [phase]: straggler };
  journal(turn, { event: "straggler", phase, step, ...straggler });
}

function onFailed(turn: Turn, failed: Failed): void {
  const { state, at } = turn;
  answer(turn, { kind: "ok" });
  const from = rankOf(turn, failed.rank);
  if (from?.lost) return;
  // It waited for one that is lost.
  if (failed.secondary && (failed.generation ?? 1) < (from?.generation ?? 1)) {
    return;
  }
  const { rank, phase, step, message, hint, stack, exitCode } = failed;
  const [suspect] = failed.suspects ?? [];
  const failure: Failure = suspect === undefined
    ? {
      ...blame(turn, rank),
      ...(phase === undefined ? {} : { phase }),
      step,
      kind: failed.device ? "device" : "reported",
      cause: message,
      ...(hint === undefined ? {} : { hint }),
      ...(stack === undefined ? {} : { stack }),
      exitCode,
    }
    : {
      ...blame(turn, suspect),
      kind: "stuck",
      cause: `rank ${rank} waits for it: ${message}`,
      exitCode,
    };
  if (!failed.secondary) return fail(turn, failure);
  const team = teamOf(state, rank);
  if (
    ended(state) ||
    state.suspicions.some(({ from }) => teamOf(state, from) === team)
  ) return;
  state.suspicions = [...state.suspicions, { failure, at, from: rank }];
}

function onStop(turn: Turn, request: StopRequest): void {
  const { state, at } = turn;
  if (state.stage === "over") return;
  const { cause, code, automatic } = request;
  const before = state.stop;
  if (before !== undefined && automatic) return;
  const again = before !== undefined && !before.automatic;
  journal(turn, { event: "stop_requested", cause, code, now: again });
  if (again) {
    // The second request: at once. What the run has come to stands.
    if (!ended(state)) state.code = code;
    return killAll(turn, true);
  }
  if (before !== undefined) {
    state.stop = { cause, code, at: before.at };
    return;
  }
  state.stop = { ...request, at };
  switch (state.stage) {
    case "joining":
    case "opening":
      return leave(turn, code);
    case "running":
      for (const rank of membersOf(state)) order(turn, rank, { kind: "stop" });
  }
}
