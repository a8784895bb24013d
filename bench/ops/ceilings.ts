import { type Clock, SignetError } from "../../src/env/mod.ts";
import { defineKernel, type Device, type Program } from "../../src/gpu/mod.ts";
import { agree } from "../common/check.ts";
import { median, takeTurns } from "../common/measure.ts";
import copyWgsl from "./copy.wgsl" with { type: "text" };
import { GemmCase, LAYOUTS, productOf } from "./gemm_bench.ts";
import { GEMM_CANDIDATES } from "./gemm_candidates.ts";
import { Operands } from "./op_case.ts";
import { Runner } from "./runner.ts";

/** The most that an adapter does of one kind of work, and how to measure it again. */
export interface Ceiling {
  readonly name: string;
  readonly runner: Runner;
  /** Operations or bytes of one execution. */
  readonly work: number;
}

/** Both ceilings; they stay open, so that they can be run between other runs. */
export interface Ceilings {
  readonly gemm: Ceiling;
  readonly copy: Ceiling;
  [Symbol.dispose](): void;
}

const ROUNDS = 3;
/** A layer of DeiT-Ti at 32 px and batch 64; small for a test of the bench itself. */
const LAYER = { full: [4160, 192, 768], tiny: [64, 32, 48] } as const;
/** Bytes that a copy reads: beyond the caches of a CPU adapter's core. */
const COPY_BYTES = { full: 1 << 25, tiny: 1 << 16 } as const;

/** Measures every design of a product and of a copy in turn and keeps the fastest. */
export async function measureCeilings(
  device: Device,
  clock: Clock,
  size: "full" | "tiny",
): Promise<Ceilings> {
  const context = { device, precision: "f32" } as const;
  const cases = LAYOUTS.map((layout) =>
    new GemmCase(context, layout, productOf(layout, LAYER[size]))
  );
  const runners: Runner[] = [];
  for (const product of cases) {
    const own = {
      name: `ours ${product.layout}`,
      record: product.record.bind(product),
    };
    const others = GEMM_CANDIDATES
      .filter(({ layout, fits }) =>
        layout === product.layout && fits(product.sizes)
      )
      .map((candidate) => ({
        name: `${candidate.name} ${candidate.layout}`,
        record: (program: Program) =>
          candidate.record(program, { ...product.sizes, ...product }),
      }));
    for (const { name, record } of [own, ...others]) {
      const runner = await Runner.create(device, { name, clock, record });
      const { wrong } = await product.check();
      if (wrong > 0) {
        throw new SignetError(
          `Cannot take ${name} as a ceiling: ${wrong} of its values are wrong`,
        );
      }
      runners.push(runner);
    }
  }
  const operands = new Operands(context);
  const copies = await copyRunners(device, clock, COPY_BYTES[size], operands);
  const gemm = await fastest(runners);
  const copy = await fastest(copies);
  return {
    gemm: { name: gemm.name, runner: gemm, work: cases[0]!.work },
    copy: { name: copy.name, runner: copy, work: 2 * COPY_BYTES[size] },
    [Symbol.dispose]() {
      gemm[Symbol.dispose]();
      copy[Symbol.dispose]();
      operands[Symbol.dispose]();
      for (const product of cases) product[Symbol.dispose]();
    },
  };
}

const copyKernel = defineKernel("bench_copy", copyWgsl);

async function copyRunners(
  device: Device,
  clock: Clock,
  bytes: number,
  operands: Operands,
): Promise<Runner[]> {
  const { tensor: input, values } = operands.floats([bytes / 4]);
  const output = operands.floatResult([bytes / 4]);
  const records: Record<string, (program: Program) => void> = {
    "vec4 kernel": (program) =>
      program.dispatch(copyKernel, {
        uniforms: { u32: [bytes / 16] },
        buffers: [input, output],
        workgroups: Math.ceil(bytes / 16 / 64),
      }),
    "buffer to buffer": (program) => program.copy(input, output),
  };
  const runners: Runner[] = [];
  for (const [name, record] of Object.entries(records)) {
    const runner = await Runner.create(device, { name, clock, record });
    if (agree(await device.read(output), values, 0).wrong > 0) {
      throw new Error(`Cannot use the ${name} copy: its result differs`);
    }
    runners.push(runner);
  }
  return runners;
}

/** Runs all in turn, frees all but the fastest. */
async function fastest(runners: readonly Runner[]): Promise<Runner> {
  for (const runner of runners) await runner.calibrate();
  const samples = await takeTurns(runners, ROUNDS);
  const time = (runner: Runner) =>
    median(samples.get(runner.name)!.map(({ ms }) => ms));
  const best = runners.reduce((a, b) => time(a) <= time(b) ? a : b);
  for (const runner of runners) {
    if (runner !== best) runner[Symbol.dispose]();
  }
  return best;
}
