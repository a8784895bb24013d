import type { Clock } from "../../src/env/mod.ts";
import { SignetError } from "../../src/env/mod.ts";
import {
  type Contestant,
  median,
  pairedRatio,
  type Sample,
  spread,
  takeTurns,
} from "../common/measure.ts";
import type { Rival, Row } from "../common/rows.ts";
import type { OpenPeers } from "../peers/open_peers.ts";
import type { Ceilings } from "./ceilings.ts";
import { GemmCase } from "./gemm_bench.ts";
import { GEMM_CANDIDATES } from "./gemm_candidates.ts";
import { peerProducts } from "./gemm_peers.ts";
import type { OpCase, OpContext, Sizes } from "./op_case.ts";
import { Runner } from "./runner.ts";

export interface MeasureOptions {
  readonly context: OpContext;
  readonly ceilings: Ceilings;
  readonly clock: Clock;
  readonly runs: number;
  readonly peers: OpenPeers | undefined;
}

/** Checks an op, then runs it, its ceiling, other designs and peers in turn. */
export async function measureCase(
  op: OpCase,
  { context, ceilings, clock, runs, peers }: MeasureOptions,
): Promise<Row> {
  const { device, precision } = context;
  using runner = await Runner.create(device, {
    name: "ours",
    clock,
    record: (program) => op.record(program),
  });
  const agreement = await op.check();
  await runner.calibrate();
  const { runner: limit, work, name: limitName } = ceilings[op.ceiling];
  using others = new DisposableStack();
  const candidates: Contestant[] = [];
  if (op instanceof GemmCase && precision === "f32") {
    for (const candidate of await candidatesOf(op, { device, clock })) {
      candidates.push(others.use(candidate));
    }
  }
  const round = op instanceof GemmCase && op.round !== undefined
    ? others.use(await RoundProduct.create(op, op.round, { context, clock }))
    : undefined;
  const rivals = op instanceof GemmCase && peers !== undefined
    ? await peerProducts(op, peers)
    : [];
  const samples = await takeTurns([
    runner,
    { name: "ceiling", run: () => limit.run() },
    ...candidates,
    ...rivals,
    ...(round === undefined ? [] : [round]),
  ], runs);
  const ours = samples.get("ours")!;
  const top = samples.get("ceiling")!;
  const rate = (of: number, ms: number) => of / ms / 1e6;
  const times = ours.map(({ ms }) => ms);
  const share = (by: (sample: Sample) => number) =>
    pairedRatio(ours, top, by) * op.work / work;
  const rivalOf = ({ name }: Contestant, work = op.work): [string, Rival] => {
    const theirs = samples.get(name)!;
    const scale = op.work / work;
    return [name, {
      median: rate(work, median(theirs.map(({ ms }) => ms))),
      ratio: scale * pairedRatio(ours, theirs, ({ ms }) => ms),
      cpu_ratio: scale * pairedRatio(ours, theirs, ({ cpuMs }) => cpuMs),
    }];
  };
  return {
    name: op.name,
    shape: op.shape,
    ...(op.layout ? { layout: op.layout } : {}),
    form: device.form,
    precision,
    unit: op.unit,
    median: rate(op.work, median(times)),
    spread: spread(times),
    runs,
    ms: median(times),
    per_cpu_second: rate(op.work, median(ours.map(({ cpuMs }) => cpuMs))),
    ceiling: rate(work, median(top.map(({ ms }) => ms))),
    ceiling_name: limitName,
    ratio: share(({ ms }) => ms),
    cpu_ratio: share(({ cpuMs }) => cpuMs),
    error: agreement.error,
    wrong: agreement.wrong,
    ...(candidates.length === 0 ? {} : {
      candidates: Object.fromEntries(candidates.map((it) => rivalOf(it))),
    }),
    ...(rivals.length === 0 ? {} : {
      ours: rate(op.work, median(times)),
      peers: Object.fromEntries(rivals.map((it) => rivalOf(it))),
    }),
    ...(round === undefined
      ? {}
      : { round: Object.fromEntries([rivalOf(round, round.work)]) }),
  };
}

/** Our product of other sizes. */
class RoundProduct implements Contestant {
  readonly name: string;
  readonly work: number;
  readonly #product: GemmCase;
  readonly #runner: Runner;

  private constructor(product: GemmCase, runner: Runner) {
    this.name = runner.name;
    this.work = product.work;
    this.#product = product;
    this.#runner = runner;
  }

  static async create(
    { layout }: GemmCase,
    sizes: Sizes,
    { context, clock }: Pick<MeasureOptions, "context" | "clock">,
  ): Promise<RoundProduct> {
    const product = new GemmCase(context, layout, sizes);
    const runner = await Runner.create(context.device, {
      name: `round ${product.shape}`,
      clock,
      record: (program) => product.record(program),
    });
    await runner.calibrate();
    return new RoundProduct(product, runner);
  }

  run(): Promise<Sample> {
    return this.#runner.run();
  }

  [Symbol.dispose](): void {
    this.#runner[Symbol.dispose]();
    this.#product[Symbol.dispose]();
  }
}

/** The other designs of this layout, each checked like ours. */
async function candidatesOf(
  op: GemmCase,
  { device, clock }: { device: OpContext["device"]; clock: Clock },
): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const candidate of GEMM_CANDIDATES) {
    if (candidate.layout !== op.layout || !candidate.fits(op.sizes)) continue;
    const runner = await Runner.create(device, {
      name: candidate.name,
      clock,
      record: (program) => candidate.record(program, { ...op.sizes, ...op }),
    });
    const { wrong } = await op.check();
    if (wrong > 0) {
      throw new SignetError(
        `Cannot compare with the design ${candidate.name}: ${wrong} wrong values at ${op.shape} ${op.layout}`,
      );
    }
    await runner.calibrate();
    runners.push(runner);
  }
  return runners;
}
