import { ConfigError, type Env, SignetError } from "../../src/env/mod.ts";
import type { Plan } from "../../src/phases/mod.ts";
import { readMetrics } from "../../src/run/mod.ts";
import { table } from "../console.ts";
import {
  linkRate,
  parseBitRate,
  type StepTime,
  stepTime,
  type Transport,
  TRANSPORTS,
} from "../prediction/mod.ts";
import { rootFolder } from "../root_folder.ts";
import type { Options } from "./options.ts";

/** Steps of each phase that are timed, and those of them that only warm up. */
const STEPS = 6;
const WARM_UP = 2;

/** Bytes on the wire for a byte of f32. */
const WIRE_SHARE = { f32: 1, bf16: 0.5, f16: 0.5, int8: 0.25 + 1 / 1024 };

/** Of the network, unless `--link` tells. */
const LINK = "10Gbit";
/** Between ranks of one node. */
const LOCAL_BITS = 100e9;

/** What a phase would take. */
export interface PhaseTime extends StepTime {
  phase: string;
  steps: number;
  /** Milliseconds of a rank's step alone. */
  computeMs: number;
  seconds: number;
}

/** What a run would take. */
export interface PlanTime {
  transport: Transport;
  link: string;
  phases: PhaseTime[];
  seconds: number;
  /** Jobs of `--time-limit`; left out without one. */
  jobs?: number;
}

/**
 * Predicts the steps of every phase: `--step-ms` of one rank alone, or `--measure`,
 * which trains a few steps of a rank's share on this adapter.
 */
export async function planTime(
  env: Env,
  plan: Plan,
  options: Options,
  request: { wire: keyof typeof WIRE_SHARE; config: readonly string[] },
): Promise<PlanTime | undefined> {
  const stepMs = options.string("step-ms");
  if (stepMs === undefined && !options.boolean("measure")) return undefined;
  if (stepMs !== undefined && !(Number(stepMs) > 0)) {
    throw new ConfigError(`Cannot use --step-ms ${stepMs}: it is no time`);
  }
  const link = options.string("link") ?? LINK;
  const transport = transportOf(options.string("transport"));
  const ranksPerNode = Math.max(1, options.number("ranks-per-node") ?? 1);
  const world = {
    ranks: plan.ranks,
    transport,
    link: linkRate(transport, parseBitRate(link)),
    local: linkRate("direct", LOCAL_BITS),
    ranksPerNode,
  };
  const measured = stepMs === undefined
    ? await measureSteps(env, plan, request.config)
    : undefined;
  const phases = plan.phases.map((phase): PhaseTime => {
    const computeMs = measured?.get(phase.phase) ?? Number(stepMs);
    const time = stepTime({
      computeMs,
      bucketBytes: phase.bucket_bytes,
      wireShare: WIRE_SHARE[request.wire],
      accumulate: 1,
      overlap: true,
      cpuMsPerByte: 0,
    }, world);
    const { phase: name, steps } = phase;
    return {
      phase: name,
      steps,
      computeMs,
      ...time,
      seconds: steps * time.stepMs / 1000,
    };
  });
  const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const limit = options.string("time-limit");
  return {
    transport,
    link,
    phases,
    seconds,
    ...(limit === undefined
      ? {}
      : { jobs: Math.ceil(seconds / limitSeconds(limit)) }),
  };
}

function transportOf(text: string | undefined): Transport {
  const transport = TRANSPORTS.find((name) => name === (text ?? "direct"));
  if (transport !== undefined) return transport;
  throw new ConfigError(`Cannot use --transport ${text}: there is none`, {
    hint: `transports: ${TRANSPORTS.join(" ")}`,
  });
}

/** Trains a few steps of the largest share of a rank; median milliseconds by phase. */
async function measureSteps(
  env: Env,
  plan: Plan,
  config: readonly string[],
): Promise<Map<string, number>> {
  const folder = await Deno.makeTempDir({ prefix: "signet-plan-" });
  try {
    const root = rootFolder();
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--cached-only",
        "--node-modules-dir=manual",
        "--permission-set=app",
        `--config=${root}deno.json`,
        `${root}cluster/main.ts`,
        "train",
        ...config,
        `globalBatch=${Math.ceil(plan.global_batch / plan.ranks)}`,
        "--ranks=1",
        `--fast-dev-run=${STEPS}`,
        `--run-dir=${folder}/run`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).output();
    if (code !== 0) {
      const tail = new TextDecoder().decode(stderr).trimEnd().split("\n")
        .slice(-6).join("\n");
      throw new SignetError(
        `Cannot measure steps: train ended with ${code}:\n${tail}`,
      );
    }
    const { lines } = await readMetrics(env.disk, `${folder}/run`);
    const times = Map.groupBy(
      lines.filter(({ split, step }) => split === "train" && step > WARM_UP),
      ({ phase }) => phase,
    );
    return new Map(
      [...times].map(([phase, steps]) => {
        const sorted = steps.map(({ step_ms }) => Number(step_ms))
          .sort((a, b) => a - b);
        return [phase, sorted[sorted.length >> 1]!];
      }),
    );
  } finally {
    await env.disk.remove(folder);
  }
}

const LIMIT = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

function limitSeconds(text: string): number {
  const found = LIMIT.exec(text);
  const [h = 0, m = 0, s = 0] = (found?.slice(1) ?? []).map((n) =>
    Number(n ?? 0)
  );
  const seconds = 3600 * h! + 60 * m! + s!;
  if (seconds > 0) return seconds;
  throw new ConfigError(`Cannot use --time-limit ${text}: it is no time`, {
    hint: "such as 4h or 1h30m",
  });
}

/** Lines for people. */
export function describeTime(
  { phases, seconds, jobs, transport, link }: PlanTime,
): string[] {
  const ms = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  return [
    "",
    ...table([
      [
        `predicted, ${transport} over ${link}`,
        "alone ms",
        "step ms",
        "all-reduce ms",
        "exposed ms",
        "efficiency",
        "time",
      ],
      ...phases.map((phase) => [
        phase.phase,
        ms(phase.computeMs),
        ms(phase.stepMs),
        ms(phase.allReduceMs),
        ms(phase.exposedMs),
        `${Math.round(100 * phase.efficiency)} %`,
        duration(phase.seconds),
      ]),
    ]),
    `steps take ${duration(seconds)} in all; loading, validation and tests come on top${
      jobs === undefined
        ? ""
        : `; ${jobs} job${jobs === 1 ? "" : "s"} of the time limit`
    }`,
  ];
}

function duration(seconds: number): string {
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
