import type { Config } from "../../src/config/mod.ts";
import { ConfigError, type Env } from "../../src/env/mod.ts";
import type { PhasePlan, Plan } from "../../src/phases/mod.ts";
import { table } from "../console.ts";
import {
  chooseSplit,
  INDEPENDENT,
  type RankSplit,
  splitWish,
  type Wish,
} from "../coordinator/mod.ts";
import {
  linkRate,
  parseBitRate,
  type StepTime,
  stepTime,
  type Transport,
  TRANSPORTS,
} from "../prediction/mod.ts";
import {
  formatDuration,
  jobsNeeded,
  parseDuration,
  usefulBudget,
} from "../slurm/mod.ts";
import type { Options } from "./options.ts";
import { paceGiven } from "./pace.ts";
import { measureSteps } from "./plan_measure.ts";
import { stepTimes } from "./step_times.ts";

/** Of the network, unless `--link` tells. */
const LINK = "10Gbit";
/** Options of a prediction alone. */
const NETWORK = ["link", "transport", "ranks-per-node"] as const;
/** Between ranks of one node. */
const LOCAL_BITS = 100e9;

/** What a phase would take. */
export interface PhaseTime extends StepTime {
  phase: string;
  steps: number;
  /** Milliseconds of the slowest rank's step, without waiting for the others. */
  computeMs: number;
  /** Of `exposedMs`, waiting for ranks that happen to be late. */
  lateMs: number;
  seconds: number;
}

/** Phases that would run at the same time, each on a part of the ranks. */
export interface PhaseSplit extends RankSplit {
  phases: string[];
}

/** What a run would take; nothing where no pace is known. */
export interface PlanTime {
  seconds?: number;
  /** Jobs of `--time-limit`. */
  jobs?: number;
  /** How it was predicted, unless the pace was given. */
  prediction?: {
    transport: Transport;
    /** As asked for, or what all ranks are on. */
    link: string;
    phases: PhaseTime[];
    /** All other phases run in turn. */
    splits: PhaseSplit[];
  };
}

interface TimeRequest {
  /** This machine's adapter computes on its cores. */
  cpu: boolean;
  /** Of each rank beside the adapter whose steps are known; left out, all are alike. */
  speeds?: readonly number[] | undefined;
  config: Config;
}

/**
 * The time of a run: at the pace that `--images-per-second` gives, or predicted from
 * `--step-ms` of a rank's share alone, from `--gflops` of its matrix products, or from
 * `--measure`, which times steps of one of the ranks on this adapter.
 */
export async function planTime(
  env: Env,
  plan: Plan,
  options: Options,
  request: TimeRequest,
): Promise<PlanTime> {
  const limit = options.string("time-limit");
  const time = await paceOf(env, plan, options, request);
  if (limit === undefined) return time;
  if (time.seconds === undefined) {
    throw new ConfigError(
      "Cannot count jobs of a run whose pace is not known",
      {
        hint:
          "add --measure, --step-ms, --gflops or --images-per-second (an earlier run's summary.json has it)",
      },
    );
  }
  const budget = usefulBudget(parseDuration(limit), {
    hint: "a longer --time-limit",
  });
  return { ...time, jobs: jobsNeeded(time.seconds, budget) };
}

async function paceOf(
  env: Env,
  plan: Plan,
  options: Options,
  { config, cpu, speeds }: TimeRequest,
): Promise<PlanTime> {
  const pace = paceGiven(options);
  const stepText = options.string("step-ms");
  const stepMs = stepText === undefined ? undefined : stepTimes(
    stepText,
    plan.phases.map(({ phase }) => phase),
  );
  const gflops = positive(options, "gflops");
  const measure = options.boolean("measure");
  const sources = [pace, stepMs, gflops, measure || undefined]
    .filter((source) => source !== undefined);
  if (sources.length > 1) {
    throw new ConfigError(
      "Cannot use several of --measure, --step-ms, --gflops and --images-per-second",
    );
  }
  const predicts = sources.length > 0 && pace === undefined;
  const network = NETWORK.find((name) => options.string(name) !== undefined);
  if (network !== undefined && !predicts) {
    throw new ConfigError(
      `Cannot use --${network}: no time is predicted from it`,
      { hint: "add --measure, --step-ms of a rank's step alone, or --gflops" },
    );
  }
  if (pace !== undefined) {
    const images = plan.phases.reduce((sum, { images }) => sum + images, 0);
    return { seconds: images / pace };
  }
  if (!predicts) return {};
  const link = options.string("link") ?? LINK;
  // As `train` would run here, unless a network is named.
  const here = measure && options.string("link") === undefined;
  const ranksPerNode = options.number("ranks-per-node") ??
    (here ? plan.ranks : 1);
  if (ranksPerNode === 0) {
    throw new ConfigError("Cannot use --ranks-per-node 0: a node has ranks");
  }
  const transport = transportOf(options.string("transport"));
  const world = {
    ranks: plan.ranks,
    transport,
    link: linkRate(transport, parseBitRate(link)),
    local: linkRate(transport, LOCAL_BITS),
    ranksPerNode,
    collectives: config.collectives,
  };
  const measured = measure
    ? await measureSteps(env, plan, {
      config,
      together: cpu ? Math.min(plan.ranks, world.ranksPerNode) : 1,
      speeds,
    })
    : undefined;
  const alone = (phase: PhasePlan) =>
    stepMs === undefined
      ? slowestProducts(phase, speeds) / (1e6 * gflops!)
      : slowestShare(plan, speeds) * stepMs.get(phase.phase)!;
  const phases = plan.phases.map((phase): PhaseTime => {
    const own = measured?.get(phase.phase) ??
      { computeMs: alone(phase), lateMs: 0 };
    const time = stepTime({
      ...own,
      bucketBytes: phase.bucket_bytes,
      gatherBytes: phase.gather_bytes,
      // The plan counts what is sent, of whatever type.
      wireShare: 1,
      accumulate: 1,
      overlap: true,
      cpuMsPerByte: 0,
      copies: measured !== undefined,
    }, world);
    const { phase: name, steps } = phase;
    const seconds = steps * time.stepMs / 1000;
    return { phase: name, steps, ...own, ...time, seconds };
  });
  const inTurn = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const splits = splitsOf(phases, plan.ranks, splitWish(config));
  const gained = splits.reduce(
    (sum, { together, apart }) => sum + together - apart,
    0,
  );
  return {
    seconds: inTurn - gained,
    prediction: {
      transport,
      link: plan.ranks <= ranksPerNode ? "one node" : link,
      phases,
      splits,
    },
  };
}

/** Time of the slowest rank's share over that of an equal one at speed 1. */
function slowestShare(
  { shares, global_batch, ranks }: Plan,
  speeds: readonly number[] | undefined,
): number {
  if (speeds === undefined) return 1;
  const equal = Math.ceil(global_batch / ranks);
  return Math.max(
    ...shares.map((images, rank) => images / equal / speeds[rank]!),
  );
}

/** Operations of the matrix products of the rank that takes longest, at speed 1. */
function slowestProducts(
  { ranks }: PhasePlan,
  speeds: readonly number[] | undefined,
): number {
  return Math.max(
    ...ranks.map((share) =>
      share.flops / Math.min(...share.ranks.map((rank) => speeds?.[rank] ?? 1))
    ),
  );
}

/** An option's number, which is more than nothing. */
function positive(options: Options, name: string): number | undefined {
  const text = options.string(name);
  if (text === undefined || (Number(text) > 0 && Number(text) < Infinity)) {
    return text === undefined ? undefined : Number(text);
  }
  throw new ConfigError(
    `Cannot use --${name} ${text}: it is no number above 0`,
  );
}

/** How phases would share the ranks, where they would. */
function splitsOf(
  phases: readonly PhaseTime[],
  ranks: number,
  wish: Wish,
): PhaseSplit[] {
  return INDEPENDENT.flatMap(({ phases: group, measured }) => {
    const all = phases.filter(({ phase }) => includes(group, phase));
    // The first one runs alone where it is to tell what the others cost.
    const alone = wish === "auto" && all[0] && includes(measured, all[0].phase);
    const chosen = all.slice(alone ? 1 : 0).slice(0, ranks);
    const costs = chosen.map(({ steps, stepMs, exposedMs }) => ({
      steps,
      computeMs: stepMs - exposedMs,
      waitMs: exposedMs,
    }));
    const split = chooseSplit(wish, costs, ranks);
    return split === undefined
      ? []
      : [{ ...split, phases: chosen.map(({ phase }) => phase) }];
  });
}

function includes(phases: readonly string[], phase: string): boolean {
  return phases.includes(phase);
}

function transportOf(text: string | undefined): Transport {
  const transport = TRANSPORTS.find((name) => name === (text ?? "direct"));
  if (transport !== undefined) return transport;
  throw new ConfigError(`Cannot use --transport ${text}: there is none`, {
    hint: `transports: ${TRANSPORTS.join(" ")}`,
  });
}

/** As `plan --json` prints it. */
export function timeJson({ prediction, ...whole }: PlanTime): object {
  if (prediction === undefined) return whole;
  const phases = prediction.phases.map((phase) => ({
    phase: phase.phase,
    steps: phase.steps,
    seconds: phase.seconds,
    step_ms: phase.stepMs,
    compute_ms: phase.computeMs,
    all_reduce_ms: phase.allReduceMs,
    late_ms: phase.lateMs,
    exposed_ms: phase.exposedMs,
    efficiency: phase.efficiency,
    algorithms: phase.algorithms,
  }));
  return { ...whole, prediction: { ...prediction, phases } };
}

/** Lines for people. */
export function describeTime(
  { seconds, jobs, prediction }: PlanTime,
): string[] {
  if (seconds === undefined) return [];
  const lines: string[] = [];
  if (prediction !== undefined) {
    const { transport, link, phases } = prediction;
    const ms = (value: number) => value.toFixed(value < 100 ? 1 : 0);
    lines.push(
      "",
      ...table([
        [
          `predicted (${transport}, ${link})`,
          "compute ms",
          "step ms",
          "all-reduce ms",
          "late ms",
          "exposed ms",
          "efficiency",
          "time",
        ],
        ...phases.map((phase) => [
          phase.phase,
          ms(phase.computeMs),
          ms(phase.stepMs),
          ms(phase.allReduceMs),
          ms(phase.lateMs),
          ms(phase.exposedMs),
          `${Math.round(100 * phase.efficiency)} %`,
          formatDuration(phase.seconds),
        ]),
      ]),
    );
  }
  for (const { phases, sizes, apart, together } of prediction?.splits ?? []) {
    const parts = phases.map((phase, i) =>
      `${phase} on ${sizes[i]} rank${sizes[i] === 1 ? "" : "s"}`
    );
    lines.push(
      `apart ${parts.join(" beside ")}: ${formatDuration(apart)} instead of ${
        formatDuration(together)
      }`,
    );
  }
  const text = `time  ${
    formatDuration(seconds)
  } of steps; loading, validation and tests come on top`;
  lines.push(
    jobs === undefined
      ? text
      : `${text}; ${jobs} job${jobs === 1 ? "" : "s"} of this limit`,
  );
  return lines;
}
