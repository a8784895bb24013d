import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import {
  advance,
  headline,
  initialState,
  LIMITS,
  type State,
  type StopRequest,
} from "../../cluster/coordinator/mod.ts";
import type { Action, ClusterEvent } from "../../cluster/coordinator/state.ts";

/** A run whose ranks come by themselves. */
function runOf(size: number, stage: State["stage"]): State {
  const state = initialState({
    at: 0,
    size,
    phases: ["teacher"],
    version: "v1",
    config: "c1",
    onRankLoss: "stop",
  });
  const ranks = state.ranks.map((rank) => ({ ...rank, guest: true as const }));
  const members = [...ranks.keys()];
  return { ...state, stage, ranks, teams: [{ phase: "teacher", members }] };
}

function play(
  state: State,
  requests: readonly StopRequest[],
): { state: State; actions: Action[] } {
  const actions: Action[] = [];
  for (const request of requests) {
    const event: ClusterEvent = { kind: "stop", at: 1, request };
    const [next, asked] = advance(state, event);
    state = next;
    actions.push(...asked);
  }
  return { state, actions };
}

function sent(actions: readonly Action[]): string[] {
  return actions.flatMap((action) =>
    action.do === "send" ? [action.command.order.kind] : []
  );
}

const SIGNAL: StopRequest = { code: 75, cause: "SIGUSR2" };
const LIMIT: StopRequest = {
  code: 75,
  cause: "the time limit is near",
  automatic: true,
};

Deno.test("advance() ends nothing at once for a scheduler's signal and the time limit, in any order", () => {
  for (const requests of [[SIGNAL, LIMIT], [LIMIT, SIGNAL], [LIMIT, LIMIT]]) {
    const { state, actions } = play(runOf(2, "running"), requests);
    strictEqual(state.stage, "running");
    strictEqual(state.killed, undefined);
    deepStrictEqual(sent(actions), ["stop", "stop"], "each rank is told once");
  }
});

Deno.test("advance() ends at once for a second signal, whether or not the time limit came before", () => {
  for (const requests of [[SIGNAL, SIGNAL], [LIMIT, SIGNAL, LIMIT, SIGNAL]]) {
    const { state } = play(runOf(2, "running"), requests);
    strictEqual(state.killed, 1);
  }
});

Deno.test("advance() does not wait for ranks that come by themselves and have not come", () => {
  const { state, actions } = play(runOf(3, "joining"), [SIGNAL]);
  strictEqual(state.stage, "over");
  ok(actions.some((action) => action.do === "finish" && action.code === 75));
});

Deno.test("advance() says that no checkpoint came in time of a stop, and asks for another life", () => {
  let stopping = play(runOf(2, "running"), [LIMIT]).state;
  for (let at = 1001; at <= LIMITS.stop + 1; at += 1000) {
    [stopping] = advance(stopping, { kind: "tick", at });
    strictEqual(stopping.stage, "running");
  }
  const late = { kind: "tick" as const, at: LIMITS.stop + 2 };
  const [{ stage, failure, code }] = advance(stopping, late);
  strictEqual(stage, "failing");
  strictEqual(code, 75);
  strictEqual(failure!.rank, 0);
  match(
    failure!.cause,
    /^no checkpoint 120 s after .*: the time limit is near$/,
  );
});

Deno.test("advance() tells how a rank ended by itself, not that it was killed for its failure", () => {
  const lost = { kind: "disconnected", cause: "x", exitCode: 1 } as const;
  const signalOf = (signal: string) => {
    const failing = {
      ...runOf(2, "failing"),
      failure: { ...lost, rank: 1 },
    };
    const end = { kind: "exited" as const, at: 1, rank: 1, code: 1, signal };
    return advance(failing, end)[0].failure!.signal;
  };
  strictEqual(signalOf("SIGKILL"), undefined);
  strictEqual(signalOf("SIGSEGV"), "SIGSEGV");
});

Deno.test("advance() says why a rank gives up that has lost its coordinator, while that is there", () => {
  const end = { kind: "exited" as const, at: 1, code: 75, signal: null };
  const [{ failure }] = advance(runOf(2, "running"), { ...end, rank: 1 });
  match(headline(failure!), /: exited with code 75, .* hear nothing .* 15 s$/);
  match(failure!.hint!, /paused/);
});
