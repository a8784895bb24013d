import type { Clock } from "../../src/env/mod.ts";
import type { Device, RealType } from "../../src/gpu/mod.ts";
import {
  type Contestant,
  median,
  pairedRatio,
  sample,
  spread,
  takeTurns,
} from "../common/measure.ts";
import type { Rival, Row } from "../common/rows.ts";
import type { Ceiling } from "../ops/ceilings.ts";
import type { OpenPeers } from "../peers/open_peers.ts";
import { checkStep } from "./check_step.ts";
import { parametersOf, stepFlops, type StepModel } from "./models.ts";
import { OurStep } from "./our_step.ts";
import { type PeerStep, peerSteps } from "./peer_steps.ts";
import { stepProblem } from "./step_problem.ts";

export interface StepOptions {
  readonly device: Device;
  readonly ceiling: Ceiling;
  readonly clock: Clock;
  readonly runs: number;
  readonly precision: RealType;
  readonly peers: OpenPeers | undefined;
  readonly peerSeconds: number;
  /** Batches of peers that are not to do the whole one. */
  readonly peerBatch: ReadonlyMap<string, number>;
  log(line: string): void;
}

/** Checks a model's step, then runs it, the ceiling and the peers in turn. */
export async function measureStep(
  model: StepModel,
  options: StepOptions,
): Promise<Row> {
  const { device, ceiling, clock, runs, precision, log } = options;
  const agreement = await checkStep(device, model, precision);
  log(
    `loss and gradient agree with float64 to ${
      agreement.error.toExponential(0)
    } (batch ${agreement.batch}, depth ${agreement.depth})`,
  );
  const problem = stepProblem(model, precision);
  using step = await OurStep.open(device, model, problem);
  const first = await step.run();
  const second = await step.run();
  const rivals: PeerStep[] = options.peers === undefined
    ? []
    : await peerSteps(model, {
      peers: options.peers,
      seconds: options.peerSeconds,
      batches: options.peerBatch,
      losses: [first.loss, second.loss],
      device,
      log,
    });
  const ours: Contestant = {
    name: "ours",
    run: () => sample(clock, async () => void await step.run()),
  };
  const samples = await takeTurns(
    [
      ours,
      { name: "ceiling", run: () => ceiling.runner.run() },
      ...rivals,
    ],
    runs,
    { warmUp: false },
  );
  const own = samples.get("ours")!;
  const top = samples.get("ceiling")!;
  const { gemm, attention } = stepFlops(model);
  const flops = gemm + attention;
  const times = own.map(({ ms }) => ms);
  const imagesPerSecond = 1000 * model.batch / median(times);
  const topRate = ceiling.work / median(top.map(({ ms }) => ms)) / 1e6;
  const scale = flops / ceiling.work;
  const rivalOf = ({ name, batch, ...facts }: PeerStep): [string, Rival] => {
    const theirs = samples.get(name)!;
    const perImage = batch / model.batch;
    return [name, {
      median: 1000 * batch / median(theirs.map(({ ms }) => ms)),
      ratio: pairedRatio(own, theirs, ({ ms }) => ms) / perImage,
      cpu_ratio: pairedRatio(own, theirs, ({ cpuMs }) => cpuMs) / perImage,
      spread: spread(theirs.map(({ ms }) => ms)),
      batch,
      unit: "images/s",
      ...facts.facts,
    }];
  };
  return {
    name: "step",
    shape: model.shape,
    form: device.form,
    precision,
    unit: "images/s",
    median: imagesPerSecond,
    spread: spread(times),
    runs,
    ms: median(times),
    per_cpu_second: 1000 * model.batch /
      median(own.map(({ cpuMs }) => cpuMs)),
    ceiling: 1e9 * topRate * model.batch / flops,
    ceiling_name: ceiling.name,
    ratio: scale * pairedRatio(own, top, ({ ms }) => ms),
    cpu_ratio: scale * pairedRatio(own, top, ({ cpuMs }) => cpuMs),
    error: agreement.error,
    wrong: agreement.wrong,
    checked: { batch: agreement.batch, depth: agreement.depth },
    batch: model.batch,
    parameters: parametersOf(model),
    gflop: flops / 1e9,
    gflops: flops / median(times) / 1e6,
    ceiling_gflops: topRate,
    first_step_ms: first.ms,
    losses: [first.loss, second.loss],
    sections: Object.fromEntries(step.sectionTimes()),
    ...(options.peers === undefined ? {} : {
      ours: imagesPerSecond,
      peers: Object.fromEntries(rivals.map(rivalOf)),
      fastest_webgpu_peer: fastest(rivals.map(rivalOf)),
    }),
  };
}

/** The fastest peer that computes on the same adapter. */
function fastest(
  rivals: readonly [string, Rival][],
): { name: string; ratio: number } | null {
  const onAdapter = rivals.filter(([name]) =>
    name === "jax-js" || name === "tfjs"
  );
  if (onAdapter.length === 0) return null;
  const [name, { ratio }] = onAdapter.reduce((a, b) =>
    a[1].ratio <= b[1].ratio ? a : b
  );
  return { name, ratio };
}
