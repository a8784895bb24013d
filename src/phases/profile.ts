import { clockOffset, type Timing } from "../gpu/mod.ts";
import {
  type ProfilePart,
  type ProfileRow,
  type ProfileSpan,
  writeProfilePart,
} from "../run/mod.ts";
import type { FinishedStep, StepProgram } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { PhaseName } from "./engine.ts";

/** First steps of a process compile kernels and are not profiled. */
const SKIPPED = 2;

/** Times every op of some steps of a phase on this rank, and what the host does meanwhile. */
export class Profile {
  readonly #context: Context;
  readonly #phase: PhaseName;
  readonly #program: StepProgram;
  /** Profiled steps: from the first on and before the end. */
  readonly #first: number;
  readonly #end: number;
  readonly #steps: FinishedStep[] = [];
  readonly #spans: ProfileSpan[] = [];
  /** From the GPU's clock, and from the host's, to milliseconds since 1970. */
  #fromGpu = 0;
  readonly #fromHost: number;

  /** @param start The first step of this process. */
  constructor(
    context: Context,
    phase: PhaseName,
    { program, start, steps }: {
      program: StepProgram;
      start: number;
      steps: number;
    },
  ) {
    const { config, env } = context;
    this.#context = context;
    this.#phase = phase;
    this.#program = program;
    this.#first = start + SKIPPED;
    this.#end = Math.min(steps, this.#first + config.profile.steps);
    this.#fromHost = env.clock.wall() - env.clock.now();
  }

  /** The way in which steps are timed changes before this one. */
  changesBefore(step: number): boolean {
    return step === this.#first || step === this.#end;
  }

  /** Call it before a step is submitted, when {@linkcode Profile.changesBefore} says so. */
  async change(step: number): Promise<void> {
    this.#program.drain();
    if (step !== this.#first) {
      this.#program.onSpan = undefined;
      return await this.#program.time("section");
    }
    const { device, env } = this.#context;
    this.#fromGpu = this.#fromHost +
      await clockOffset(device, () => env.clock.now());
    await this.#program.time("dispatch");
    this.#program.onSpan = (name, from, to) => this.span(name, from, to);
  }

  /** Notes what the host did, in its own clock. */
  span(name: string, from: number, to: number): void {
    if (this.#program.onSpan === undefined) return;
    this.#spans.push({
      track: "host",
      name,
      start: this.#fromHost + from,
      ms: to - from,
    });
  }

  add(finished: FinishedStep): void {
    const { step, timings } = finished;
    if (step < this.#first || step >= this.#end) return;
    // A prefix that ran ahead was timed with the step before and not again.
    const before = new Set(this.#steps.at(-1)?.timings.map(startOf));
    const fresh = timings.filter((timing) => !before.has(timing.start));
    this.#steps.push({ ...finished, timings: fresh });
    for (const { label, start, milliseconds } of fresh) {
      this.#spans.push({
        track: "gpu",
        name: label,
        start: this.#fromGpu + start,
        ms: milliseconds,
      });
    }
  }

  /** Writes the table and the spans, when the profiled steps are over. */
  async write(): Promise<void> {
    const { env, runFolder, communicator } = this.#context;
    if (this.#steps.length === 0) return;
    const timings = this.#steps.map((step) => step.timings);
    const part: ProfilePart = {
      phase: this.#phase,
      rank: communicator.rank,
      steps: this.#steps.length,
      stepMs: mean(this.#steps.map(({ totalMs }) => totalMs)),
      ...profileTable(timings),
      spans: this.#spans,
    };
    await writeProfilePart(env.disk, runFolder, part);
  }
}

function startOf({ start }: Timing): number {
  return start;
}

interface Sums {
  count: number;
  ms: number;
  flops: number;
  bytes: number;
}

/** Time by op, the longest first, and what lies between ops: the rows add up to `gpuMs`. */
export function profileTable(
  steps: readonly (readonly Timing[])[],
): { gpuMs: number; rows: ProfileRow[] } {
  const sums = new Map<string, Sums>();
  const add = (op: string, more: Sums) => {
    const sum = sums.get(op) ?? { count: 0, ms: 0, flops: 0, bytes: 0 };
    sum.count += more.count;
    sum.ms += more.ms;
    sum.flops += more.flops;
    sum.bytes += more.bytes;
    sums.set(op, sum);
  };
  for (const timings of steps) {
    let before: Timing | undefined;
    for (const timing of timings.toSorted((a, b) => a.start - b.start)) {
      const { label, milliseconds: ms, flops, bytes } = timing;
      add(label, { count: 1, ms, flops, bytes });
      if (before !== undefined) {
        const gap = timing.start - before.end;
        add(gapName(before, timing), { count: 1, ms: gap, flops: 0, bytes: 0 });
      }
      before = timing;
    }
  }
  const total = [...sums.values()].reduce((sum, { ms }) => sum + ms, 0);
  const rows = [...sums].map(([op, { count, ms, flops, bytes }]) => ({
    op,
    count: count / steps.length,
    ms: ms / steps.length,
    share: ms / (total || 1),
    ...(flops > 0 && ms > 0 ? { gflops: flops / ms / 1e6 } : {}),
    ...(bytes > 0 && ms > 0 ? { gbs: bytes / ms / 1e6 } : {}),
  })).sort((a, b) => b.ms - a.ms);
  return { gpuMs: total / Math.max(1, steps.length), rows };
}

/** Copies have no timestamps of their own: they are what passes between two ops. */
function gapName(before: Timing, after: Timing): string {
  if (before.piece !== after.piece) return "(pause between pieces)";
  return after.afterCopies ? "(copies)" : "(between ops)";
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) /
    Math.max(1, values.length);
}
