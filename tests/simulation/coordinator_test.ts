import { deepStrictEqual, ok } from "node:assert";
import { TEACHERS } from "../../src/phases/engine.ts";
import { eachSeed, phasesOf, type Scenario } from "./each_seed.ts";
import type { ClusterEnd, ClusterOptions, Fault } from "./virtual_cluster.ts";

/** When the failure was decided. */
function decidedAt(end: ClusterEnd): number {
  return end.actions.find(({ action }) =>
    action.do === "journal" && action.record.event === "failed"
  )!.at;
}

/** The named culprit is the injected one, within `limit` ms. */
function checkCulprit(
  end: ClusterEnd,
  fault: Fault & { rank: number },
  limit: number,
): void {
  // The fault came when everything was done already.
  if (end.code === 0) return;
  deepStrictEqual(end.code, 1);
  deepStrictEqual(end.failure?.rank, fault.rank);
  const late = decidedAt(end) - fault.at;
  ok(late <= limit, `named after ${late} ms, limit ${limit}`);
}

function anyRank({ next, size }: Scenario): number {
  return Math.floor(next() * size);
}

function joined(end: ClusterEnd, rank: number): boolean {
  return end.journal.some((record) =>
    record.event === "joined" && record.rank === rank
  );
}

eachSeed(
  "runs all phases whatever the wire loses or repeats",
  () => [],
  (end) => deepStrictEqual([end.code, end.failure], [0, undefined]),
);

eachSeed(
  "names a killed rank at once",
  (base, at) => [{ kind: "kill", rank: anyRank(base), at }],
  (end, [fault]) => {
    checkCulprit(end, fault as Fault & { rank: number }, 500);
    if (end.failure) {
      deepStrictEqual(end.failure.kind, "exit");
      deepStrictEqual(end.failure.signal, "SIGKILL");
    }
  },
);

eachSeed(
  "names the first of two killed ranks",
  (base, at) => [
    { kind: "kill", rank: 0, at },
    { kind: "kill", rank: base.size - 1, at: at + 60 + base.next() * 2000 },
  ],
  (end, [first, second]) => {
    // A rank that is killed after its work is no culprit.
    const spared = end.journal.some((record) =>
      record.event === "left" && record.warning !== undefined
    );
    const fault = spared ? second : first;
    checkCulprit(end, fault as Fault & { rank: number }, 500);
  },
);

eachSeed(
  "names a stopped rank within 10 s",
  (base, at) => [{ kind: "freeze", rank: anyRank(base), at }],
  (end, [fault]) => {
    const { rank } = fault as Fault & { rank: number };
    // Before its hello nothing is known of it but that it lives.
    const limit = joined(end, rank) ? 10_000 : 125_000;
    checkCulprit(end, fault as Fault & { rank: number }, limit);
  },
);

eachSeed(
  "names a rank of another machine soon after its connection ends, though a beat comes later",
  (base, at) => [{ kind: "vanish", rank: anyRank(base), at: 9000 + at }],
  (end, [fault]) => {
    checkCulprit(end, fault as Fault & { rank: number }, 2200);
    if (end.failure) deepStrictEqual(end.failure.kind, "disconnected");
  },
);

eachSeed(
  "forgives a rank that connects again",
  (base, at) => [{ kind: "reset", rank: anyRank(base), at, ms: 400 }],
  (end) => deepStrictEqual([end.code, end.failure], [0, undefined]),
  { loss: 0 },
);

eachSeed(
  "names a hanging rank within its deadline",
  (base, at) => [{ kind: "hang", rank: anyRank(base), at }],
  (end, [fault]) => {
    // Compiling may take minutes; a step has a deadline of its own.
    const limit = (end.failure?.step ?? 0) > 2 ? 60_000 : 320_000;
    checkCulprit(end, fault as Fault & { rank: number }, limit);
  },
);

eachSeed(
  "names a rank that reports its failure",
  (base, at) => [{
    kind: "error",
    rank: anyRank(base),
    at: at + 3000,
  }],
  (end, [fault]) => {
    checkCulprit(end, fault as Fault & { rank: number }, 15_000);
    if (end.failure) deepStrictEqual(end.failure.cause, "device lost");
  },
);

/** The run ends well, if anyone is left and it had begun before the first strike. */
function checkGoesOn(end: ClusterEnd, faults: readonly Fault[]): void {
  const struck = new Set(faults.map((fault) => "rank" in fault && fault.rank));
  const begun = phasesOf(end, "phase_started").length > 0;
  if (begun && struck.size < end.state.ranks.length) {
    deepStrictEqual([end.code, end.failure], [0, undefined]);
  } else if (end.code !== 0) ok(struck.has(end.failure?.rank ?? false));
}

for (const kind of ["kill", "freeze", "hang", "vanish"] as const) {
  eachSeed(
    `goes on without a rank that meets: ${kind}`,
    (base, at) => [{ kind, rank: anyRank(base), at }],
    (end, faults) => {
      const { rank } = faults[0] as Fault & { rank: number };
      for (const record of end.journal) {
        if (record.event !== "rank_lost") continue;
        deepStrictEqual(record.failure.rank, rank);
        ok(!record.members.includes(rank));
      }
      checkGoesOn(end, faults);
    },
    { onRankLoss: "continue" },
  );
}

for (const kind of ["kill", "vanish"] as const) {
  eachSeed(
    `goes on without two ranks that meet, one after the other: ${kind}`,
    (base, at) => [
      { kind, rank: 0, at },
      { kind, rank: base.size - 1, at: at + base.next() * 6000 },
    ],
    checkGoesOn,
    { onRankLoss: "continue" },
  );
}

eachSeed(
  "forgives a rank that is stopped for a moment",
  (base, at) => [{ kind: "nap", rank: anyRank(base), at, ms: 3500 }],
  (end) => deepStrictEqual([end.code, end.failure], [0, undefined]),
  { loss: 0 },
);

eachSeed(
  "blames nobody for a pause of its own process",
  (base, at) => [{ kind: "pause", at, ms: 2500 + base.next() * 50_000 }],
  (end) => deepStrictEqual([end.code, end.failure], [0, undefined]),
);

eachSeed(
  "ends with a checkpoint and the right code when asked to stop",
  (base, at) => [{ kind: "stop", at, code: base.next() < 0.5 ? 75 : 130 }],
  (end, [fault]) => {
    const { code, at } = fault as Fault & { kind: "stop" };
    deepStrictEqual(end.failure, undefined);
    if (end.code === 0) return;
    deepStrictEqual(end.code, code);
    const started = phasesOf(end, "phase_started");
    const stopped = end.journal.some(({ event }) => event === "phase_stopped");
    const between = started.length === phasesOf(end, "phase_done").length;
    ok(stopped || between, "the phase in progress was stopped");
    ok(end.time - at < 40_000, `stopped after ${end.time - at} ms`);
  },
);

eachSeed(
  "ends at once when asked twice",
  (base, at) => [{ kind: "stop", at, code: 130, again: base.next() * 3000 }],
  (end, [fault]) => {
    const { at, again } = fault as Fault & { kind: "stop" };
    deepStrictEqual(end.failure, undefined);
    if (end.code === 0) return;
    deepStrictEqual(end.code, 130);
    ok(end.time <= at + again! + 500, "at once");
  },
);

eachSeed(
  "names a rank that is killed while the run stops",
  (base, at) => [
    { kind: "stop", at, code: 75 },
    { kind: "kill", rank: anyRank(base), at: at + base.next() * 3000 },
  ],
  (end, [, fault]) => {
    if (end.failure) {
      checkCulprit(end, fault as Fault & { rank: number }, 500);
    } else ok(end.code === 75 || end.code === 0);
  },
);

eachSeed(
  "stops with a checkpoint though a rank is killed meanwhile, when the others may go on",
  (base, at) => [
    { kind: "kill", rank: anyRank(base), at: at + base.next() * 3000 },
    { kind: "stop", at, code: 75 },
  ],
  (end, faults) => {
    if (end.failure === undefined) ok(end.code === 75 || end.code === 0);
    else checkGoesOn(end, faults);
  },
  { onRankLoss: "continue" },
);

eachSeed(
  "goes on where a killed coordinator has left off",
  (_, at) => [{ kind: "crash", at }],
  (end) => deepStrictEqual(end.failure, undefined),
);

/** Self-training and baseline, at the same time where there are ranks for both. */
const DIVIDED: Partial<ClusterOptions> = {
  phases: ["classify", "selfTrain", "baseline"],
  split: {
    wish: "always",
    work: new Map([
      ["selfTrain", { images: 30, steps: 3, cost: 1.3 }],
      ["baseline", { images: 60, steps: 6, cost: 1 }],
    ]),
    summaries: new Map(),
  },
};

eachSeed(
  "runs two phases at the same time",
  () => [],
  (end) => {
    deepStrictEqual([end.code, end.failure], [0, undefined]);
    const divided = end.journal.filter(({ event }) => event === "divided");
    deepStrictEqual(divided.length, end.state.ranks.length > 1 ? 1 : 0);
  },
  DIVIDED,
);

eachSeed(
  "names a rank that hangs in one of two phases",
  (base, at) => [{ kind: "hang", rank: anyRank(base), at }],
  (end, [fault]) => {
    checkCulprit(end, fault as Fault & { rank: number }, 320_000);
  },
  DIVIDED,
);

eachSeed(
  "goes on with both phases when ranks of them are lost",
  (base, at) => [
    { kind: "kill", rank: anyRank(base), at },
    { kind: "kill", rank: anyRank(base), at: at + base.next() * 20_000 },
  ],
  checkGoesOn,
  { ...DIVIDED, onRankLoss: "continue" },
);

eachSeed(
  "finds a rank that hangs in one of two phases though others are lost meanwhile",
  (base, at) => [
    { kind: "hang", rank: anyRank(base), at },
    // While those who wait for it give it up.
    { kind: "kill", rank: anyRank(base), at: at + 6e4 + base.next() * 1e4 },
    { kind: "hang", rank: anyRank(base), at: at + base.next() * 1e4 },
  ],
  (end, faults) => {
    const struck = faults.map((fault) => "rank" in fault && fault.rank);
    for (const record of end.journal) {
      if (record.event !== "rank_lost") continue;
      ok(struck.includes(record.failure.rank!), record.failure.cause);
    }
  },
  { ...DIVIDED, onRankLoss: "continue" },
);

eachSeed(
  "stops two phases with a checkpoint of each",
  (_, at) => [{ kind: "stop", at, code: 75 }],
  (end) => {
    deepStrictEqual(end.failure, undefined);
    ok(end.code === 0 || end.code === 75);
    const started = phasesOf(end, "phase_started").length;
    const stopped = end.journal.filter(({ event }) =>
      event === "phase_stopped"
    );
    const ended = stopped.length + phasesOf(end, "phase_done").length;
    deepStrictEqual(ended, started, "each phase is done or has a checkpoint");
  },
  DIVIDED,
);

eachSeed(
  "trains teachers at the same time, and goes on when ranks are lost",
  (base, at) => [
    { kind: "kill", rank: anyRank(base), at },
    { kind: "kill", rank: anyRank(base), at: at + base.next() * 20_000 },
  ],
  (end, faults) => {
    checkGoesOn(end, faults);
    const divided = end.journal.some(({ event }) => event === "divided");
    const began = phasesOf(end, "phase_started").length > 0;
    deepStrictEqual(divided, began && end.state.ranks.length > 1);
  },
  {
    phases: ["teacher", "teacher2", "teacher3", "distill"],
    onRankLoss: "continue",
    split: {
      wish: "always",
      work: new Map(
        TEACHERS.map((phase, i) => [
          phase,
          { images: 30, steps: 3, cost: 1 + i / 2 },
        ]),
      ),
      summaries: new Map(),
    },
  },
);
