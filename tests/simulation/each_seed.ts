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

export interface Scenario extends ClusterOptions {
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

export function phasesOf(
  end: ClusterEnd,
  event: "phase_started" | "phase_done",
) {
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
  const all = done.length === options.phases.length;
  deepStrictEqual(all, end.code === 0, "0 says that all is done");
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

/** A test of so many clusters, each with what goes wrong in it. */
export function eachSeed(
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
