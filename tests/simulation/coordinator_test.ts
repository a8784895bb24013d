import { deepStrictEqual, ok } from "node:assert";
import { type PhaseName, PHASES, TEACHERS } from "../../src/phases/engine.ts";
import { uniform } from "../helpers/mod.ts";
import {
  type ClusterEnd,
  type ClusterOptions,
  type Fault,
  VirtualCluster,
} from "./virtual_cluster.ts";

/** Seeds of each case; one that fails is replayed by its number alone. */
const SEEDS = 500;

interface Scenario extends ClusterOptions {
  next: () => number;
}

/** A cluster that depends on the seed alone; its run takes about `length` ms. */
function scenario(seed: number): Scenario & { length: number } {
  const next = uniform(seed);
  const pick = (low: number, high: number) =>
    low + Math.floor(next() * (high - low + 1));
  const phases = PHASES.slice(0, pick(1, 3));
  const steps = pick(3, 12);
  const stepMs = [50, 300, 1500, 4000][pick(0, 3)]!;
  return {
    seed,
    size: pick(1, 4),
    phases,
    steps,
    stepMs,
    loss: [0, 0, 0.05, 0.3][pick(0, 3)]!,
    faults: [],
    next,
    length: 12_000 + phases.length * (8000 + steps * stepMs),
  };
}

function phasesOf(end: ClusterEnd, event: "phase_started" | "phase_done") {
  return end.journal.flatMap((record) =>
    record.event === event ? [record.phase] : []
  );
}

/** What holds whatever happens. */
function checkAlways(options: ClusterOptions, end: ClusterEnd): void {
  ok(!end.timedOut, "the run ends");
  const done = phasesOf(end, "phase_done");
  const beside: readonly PhaseName[] = options.split === undefined
    ? []
    : ["baseline", ...TEACHERS];
  const inOrder = (phases: readonly PhaseName[]) =>
    phases.filter((phase) => !beside.includes(phase));
  const chain = inOrder(done);
  deepStrictEqual(
    chain,
    inOrder(options.phases).slice(0, chain.length),
    "order",
  );
  for (const phase of options.phases) {
    if (!done.includes("distill") || phase === "distill") continue;
    ok(
      !beside.includes(phase) || done.indexOf(phase) < done.indexOf("distill"),
      "teachers come first",
    );
  }
  deepStrictEqual(done.length, new Set(done).size, "nothing twice");
  let phase: PhaseName | undefined;
  let failed = false;
  for (const { action } of end.actions) {
    if (action.do === "journal") {
      if (action.record.event === "phase_started") phase = action.record.phase;
      failed ||= action.record.event === "failed" ||
        action.record.event === "rank_lost";
    } else if (action.do === "send") {
      const { order } = action.command;
      if (order.kind === "phase") {
        const started = phasesOf(end, "phase_started");
        ok(phase !== undefined && started.includes(order.phase), "journalled");
      }
      if (order.kind === "abort") ok(failed, "journalled before the abort");
    }
  }
  if (end.code === undefined) return;
  deepStrictEqual(end.alive, [], "nobody is left behind");
  if (end.code === 0) {
    deepStrictEqual(done.length, options.phases.length, "all done");
  }
}

/** A second life finishes what is left, and nothing twice. */
function checkResume(options: ClusterOptions, end: ClusterEnd): void {
  const done = phasesOf(end, "phase_done");
  const left = options.phases.filter((phase) => !done.includes(phase));
  if (left.length === 0) return;
  const divided = end.journal.find((record) => record.event === "divided");
  const second = {
    ...options,
    phases: left,
    faults: [],
    ...(divided === undefined ? {} : {
      split: { ...options.split!, teams: divided.teams },
    }),
  };
  const resumed = new VirtualCluster(second).run();
  checkAlways(second, resumed);
  deepStrictEqual(resumed.code, 0);
  deepStrictEqual(phasesOf(resumed, "phase_started"), left);
}

function eachSeed(
  name: string,
  faultsOf: (scenario: Scenario, at: number) => readonly Fault[],
  check: (end: ClusterEnd, faults: readonly Fault[]) => void,
  change: Partial<ClusterOptions> = {},
): void {
  Deno.test(`advance() ${name}`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const base = { ...scenario(seed), ...change };
      const faults = faultsOf(base, base.next() * base.length * 1.1);
      const options = { ...base, faults };
      const end = new VirtualCluster(options).run();
      try {
        checkAlways(options, end);
        check(end, faults);
        checkResume(options, end);
      } catch (error) {
        const { next: _, ...shown } = options;
        (error as Error).message = `seed ${seed}: ${
          (error as Error).message
        }\n${
          JSON.stringify({ ...shown, code: end.code, failure: end.failure })
        }`;
        throw error;
      }
    }
  });
}

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
