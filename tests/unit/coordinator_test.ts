import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { advance, initialState } from "../../cluster/coordinator/mod.ts";
import { accept, report } from "../../cluster/protocol.ts";
import { describeWire } from "../../src/run/mod.ts";
import {
  exited,
  gpuOf,
  hello,
  outcome,
  play,
  ready,
  RUNNING,
} from "./coordinator_events.ts";

Deno.test("advance() welcomes a rank again when its hello is repeated", () => {
  const { state, answer } = play(2, [hello(0), hello(0)]);
  deepStrictEqual(answer, { kind: "welcome", rank: 0, size: 2 });
  strictEqual(state.stage, "joining");
});

Deno.test("advance() refuses a rank whose place is taken or does not exist", () => {
  const taken = play(2, [hello(0), hello(0, { pid: 99 })]);
  match(JSON.stringify(taken.answer), /refused.*process 10 on h.*outside/);
  strictEqual(taken.state.failure, undefined);
  const none = play(2, [hello(2)]);
  match(JSON.stringify(none.answer), /refused.*2 ranks.*outside/);
  const lost = [...RUNNING, exited(1, 137, "SIGKILL"), hello(1, { pid: 99 })];
  const again = play(2, lost, { onRankLoss: "continue" });
  match(JSON.stringify(again.answer), /until the run is resumed.*outside/);
});

for (const key of ["version", "config"] as const) {
  Deno.test(`advance() ends the run naming both when a rank has another ${key}`, () => {
    const { state, answer } = play(2, [hello(0), hello(1, { [key]: "other" })]);
    const own = key === "version" ? "v1" : "c1";
    match(JSON.stringify(answer), new RegExp(`refused.*other.*${own}`));
    const { rank, exitCode, cause } = state.failure!;
    deepStrictEqual([rank, exitCode], [1, 2]);
    match(cause, new RegExp(`other.*${own}`));
  });
}

Deno.test("advance() waits for others in the place of ranks that are lost, refused or fail before all have come", () => {
  const other = hello(1, { version: "other" });
  const failed = {
    kind: "failed" as const,
    rank: 1,
    step: 0,
    message: "Cannot join the run: rank 1 on h has version other",
    exitCode: 1,
    secondary: false,
  };
  const events: Parameters<typeof play>[1] = [
    hello(0),
    other,
    { kind: "failed", failed },
    { kind: "vanished", rank: 0 },
    // Of its last moments.
    { kind: "disconnected", rank: 0, connection: "a" },
    hello(1, { pid: 20 }),
  ];
  const { state, actions } = play(2, events, { waits: true });
  strictEqual(state.failure, undefined);
  strictEqual(state.stage, "joining");
  const awaited = actions.flatMap((action) =>
    action.do === "journal" && action.record.event === "awaited"
      ? [action.record.failure.rank]
      : []
  );
  deepStrictEqual(awaited, [1, 0]);
  const all = play(2, [...events, hello(0, { pid: 21 })], { waits: true });
  deepStrictEqual(all.state.ranks.map(({ hello }) => hello?.pid), [21, 20]);
  strictEqual(all.state.stage, "opening");
  const late = play(2, [
    ...events,
    hello(0, { pid: 21 }),
    { kind: "vanished", rank: 0 },
  ], { waits: true });
  strictEqual(late.state.failure?.rank, 0);
});

Deno.test("advance() ends the run when two ranks of a machine share a GPU", () => {
  const shared = [hello(0), hello(1, { gpu: gpuOf(0) })];
  const { state, answer } = play(2, shared);
  match(JSON.stringify(answer), /refused.*rank 1 on h shares GPU-0.* rank 0/);
  const { rank, exitCode, cause, hint } = state.failure!;
  deepStrictEqual([rank, exitCode], [1, 3]);
  match(cause, /shares GPU-0{8}-.* with rank 0 \[VK-10\]/);
  match(hint!, /--allow-shared/);

  const joined = (
    events: Parameters<typeof play>[1],
    allowShared = false,
  ) => play(2, events, { allowShared }).state.failure === undefined;
  strictEqual(joined(shared, true), true);
  // Another machine has other GPUs, whatever their UUIDs; a CPU is for all.
  strictEqual(joined([hello(0), hello(1, { gpu: gpuOf(0), host: "i" })]), true);
  const cpu = { gpu: gpuOf(0, "cpu") };
  strictEqual(joined([hello(0, cpu), hello(1, cpu)]), true);
});

Deno.test("advance() ends the run when a rank opens another device than its proof", () => {
  const other = hello(0, { gpu: { ...gpuOf(0), device: 2 } });
  const { state } = play(1, [other, ready(0, "tiled")]);
  match(state.failure!.cause, /it opened gpu, .* proof \(GPU-0.*VK-10/);
});

Deno.test("advance() ends the run when ranks have other kernels or data", () => {
  const joined = [hello(0), hello(1), ready(0, "tiled")];
  const form = play(2, [...joined, ready(1, "register")]).state;
  match(form.failure!.cause, /kernels register.*, rank 0 .*kernels tiled/);
  const data = play(2, [...joined, ready(1, "tiled", "d2")]).state;
  match(data.failure!.cause, /d2, rank 0 d1/);
  strictEqual(data.failure!.exitCode, 2);
});

Deno.test("advance() ends the run when drivers differ, unless it is mixed", () => {
  const driver = "00000000-0000-0000-0000-00000000000b";
  const events = [
    hello(0),
    hello(1, { gpu: { ...gpuOf(1), driver } }),
    ready(0, "tiled"),
    ready(1, "register"),
  ];
  const { failure } = play(2, events).state;
  const { rank, exitCode, hint } = failure!;
  deepStrictEqual([rank, exitCode], [1, 2]);
  match(hint!, /--mixed/);
  const mixed = play(2, events, { mixed: true }).state;
  strictEqual(mixed.failure, undefined);
  strictEqual(mixed.stage, "running");
});

Deno.test("advance() keeps the results of a rank whose process crashes after its work, and says so", () => {
  for (
    const events of [
      // Before the other rank is done, after it, and both.
      [outcome(1), exited(1, 134, "SIGABRT"), outcome(0), exited(0, 0)],
      [outcome(0), outcome(1), exited(1, 134, "SIGABRT"), exited(0, 0)],
      [outcome(1), outcome(0), exited(0, 0), exited(1, 134, "SIGABRT")],
    ]
  ) {
    const { state, actions } = play(2, [...RUNNING, ...events]);
    deepStrictEqual([state.failure, state.code, state.stage], [
      undefined,
      0,
      "over",
    ]);
    const records = actions.flatMap((action) =>
      action.do === "journal" ? [action.record] : []
    );
    ok(records.some(({ event }) => event === "phase_done"));
    const warnings = records.flatMap((record) =>
      record.event === "left" ? [record.warning] : []
    );
    deepStrictEqual(warnings.filter((text) => text !== undefined), [
      "rank 1 was ended by SIGABRT after its work was done: nothing is lost, see logs/rank-1.stderr",
    ]);
  }
});

Deno.test("advance() says nothing of a rank that came to a run being stopped", () => {
  const request = { code: 130 as const, cause: "SIGINT" };
  const events = [{ kind: "stop" as const, request }, hello(1), exited(1, 1)];
  const { actions } = play(2, [hello(0), ...events]);
  const left = actions.find((action) =>
    action.do === "journal" && action.record.event === "left"
  );
  strictEqual(JSON.stringify(left).includes("warning"), false);
});

Deno.test("advance() journals what a rank's wire had to make good, and nothing of one that had nothing", () => {
  const wire = {
    reconnects: 1,
    resent: 12,
    duplicate: 0,
    stale: 0,
    corrupt: 2,
    oversized: 0,
    foreign: 0,
    refused: 0,
  };
  const bad = outcome(1);
  const good = outcome(0);
  const quiet = { ...wire, reconnects: 0, resent: 0, corrupt: 0 };
  const { actions } = play(2, [
    ...RUNNING,
    { ...bad, outcome: { ...bad.outcome, wire } },
    { ...good, outcome: { ...good.outcome, wire: quiet } },
  ]);
  const found = actions.flatMap((action) =>
    action.do === "journal" && action.record.event === "wire"
      ? [action.record]
      : []
  );
  const counts = { reconnects: 1, resent: 12, corrupt: 2 };
  deepStrictEqual(found, [{ event: "wire", rank: 1, counts }]);
  strictEqual(
    describeWire(counts),
    "1 reconnection; 12 messages sent again, as no receipt came in time; 2 damaged messages",
  );
});

Deno.test("advance() ends the run when a rank crashes that has not delivered, or whose next phase is to come", () => {
  const crash = exited(1, 134, "SIGABRT");
  const early = play(2, [...RUNNING, outcome(0), crash]).state;
  match(early.failure!.cause, /killed by SIGABRT/);
  const two = { phases: ["teacher", "distill"] as const };
  const between = play(2, [...RUNNING, outcome(1), crash], two).state;
  match(between.failure!.cause, /killed by SIGABRT/);
});

Deno.test("advance() tells a rank that the others have gone on without, when it asks", () => {
  const present = (rank: number) => ({ kind: "present" as const, rank });
  const lost = [...RUNNING, exited(1, 137, "SIGKILL")];
  const options = { onRankLoss: "continue" as const };
  deepStrictEqual(play(2, [...lost, present(0)], options).answer, {
    kind: "ok",
  });
  match(
    JSON.stringify(play(2, [...lost, present(1)], options).answer),
    /refused.*go on without this one/,
  );
});

Deno.test("advance() leaves its argument as it was", () => {
  const state = initialState({
    at: 0,
    size: 1,
    phases: ["teacher"],
    version: "v1",
    config: "c1",
    onRankLoss: "stop",
  });
  const before = structuredClone(state);
  advance(state, { ...hello(0), at: 5 });
  deepStrictEqual(state, before);
});

Deno.test("accept() drops what is no report", () => {
  const good = hello(0).hello;
  deepStrictEqual(accept(report, good), good);
  for (
    const bad of [
      null,
      [],
      "hello",
      { ...good, rank: -1 },
      { ...good, extra: 1 },
      { ...good, host: "x".repeat(300) },
      { ...good, kind: "toString" },
    ]
  ) strictEqual(accept(report, bad), undefined);
});

Deno.test("advance() journals a straggler once for each rank and cause", () => {
  const straggler = (rank: number, share: number) => ({
    kind: "straggler" as const,
    phase: "teacher" as const,
    step: 20,
    straggler: { cause: "compute" as const, rank, share },
  });
  const { actions } = play(2, [
    straggler(1, 0.5),
    hello(0),
    hello(1),
    ready(0, "register"),
    ready(1, "register"),
    straggler(1, 0.5),
    straggler(1, 0.6),
    straggler(0, 0.3),
    { ...straggler(1, 0.2), phase: "classify" },
  ]);
  const told = actions.flatMap((action) =>
    action.do === "journal" && action.record.event === "straggler"
      ? [action.record]
      : []
  );
  deepStrictEqual(told.map(({ rank, share }) => [rank, share]), [
    [1, 0.5],
    [0, 0.3],
  ]);
});
