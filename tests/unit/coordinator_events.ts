import {
  type Action,
  advance,
  type ClusterEvent,
  initialState,
  type State,
} from "../../cluster/coordinator/mod.ts";
import type { Gpu } from "../../cluster/protocol.ts";
import type { PhaseName } from "../../src/phases/mod.ts";

export type Unclocked<T> = T extends unknown ? Omit<T, "at"> : never;

/** Feeds events, all at one time, and keeps the last answer. */
export function play(
  size: number,
  events: readonly Unclocked<ClusterEvent>[],
  { phases = ["teacher"], ...options }: {
    phases?: readonly PhaseName[];
    allowShared?: boolean;
    mixed?: boolean;
    waits?: boolean;
    onRankLoss?: State["onRankLoss"];
  } = {},
) {
  let state: State = initialState({
    at: 0,
    size,
    phases,
    version: "v1",
    config: "c1",
    onRankLoss: "stop",
    ...options,
  });
  const actions: Action[] = [];
  for (const event of events) {
    const [next, asked] = advance(state, { ...event, at: 1 });
    state = next;
    actions.push(...asked);
  }
  const answers = actions.flatMap((action) =>
    action.do === "answer" ? [action.answer] : []
  );
  return { state, actions, answer: answers.at(-1) };
}

export function gpuOf(id: number, kind: Gpu["kind"] = "discrete"): Gpu {
  const last = String(id).padStart(12, "0");
  return {
    kind,
    uuid: `00000000-0000-0000-0000-${last}`,
    vendor: 1,
    device: 1,
    driver: "00000000-0000-0000-0000-00000000000a",
  };
}

export function hello(rank: number, change: Record<string, unknown> = {}) {
  return {
    kind: "hello" as const,
    hello: {
      kind: "hello" as const,
      rank,
      host: "h",
      pid: 10 + rank,
      version: "v1",
      config: "c1",
      deno: "2",
      gpu: gpuOf(rank),
      ...change,
    },
  };
}

export function ready(rank: number, form: "register" | "tiled", data = "d1") {
  return {
    kind: "ready" as const,
    ready: {
      kind: "ready" as const,
      rank,
      adapter: { name: "gpu", vendor: 1, device: 1, cpu: false },
      form,
      data,
      share: 8,
    },
  };
}

export function outcome(rank: number) {
  return {
    kind: "outcome" as const,
    outcome: {
      kind: "outcome" as const,
      rank,
      command: 2,
      phase: "teacher" as const,
      outcome: { state: "done" as const, summary: { test_accuracy: 0.5 } },
    },
  };
}

export function exited(
  rank: number,
  code: number,
  signal: string | null = null,
) {
  return { kind: "exited" as const, rank, code, signal };
}

export const RUNNING = [
  hello(0),
  hello(1),
  ready(0, "tiled"),
  ready(1, "tiled"),
];
