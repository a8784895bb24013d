import type { Clock } from "../../src/env/mod.ts";
import { type Device, Program, Readback } from "../../src/gpu/mod.ts";
import { type Contestant, type Sample, sample } from "../common/measure.ts";

/** Milliseconds that one run should last, so that its ends do not count. */
const RUN_MS = 60;
const MAX_REPEATS = 64;

/** A recorded program that is timed: several executions a run, then one wait. */
export class Runner implements Contestant {
  readonly name: string;
  readonly program: Program;
  readonly #clock: Clock;
  readonly #readback: Readback;
  #repeats = 1;

  private constructor(
    name: string,
    { program, readback, clock }: {
      program: Program;
      readback: Readback;
      clock: Clock;
    },
  ) {
    this.name = name;
    this.program = program;
    this.#readback = readback;
    this.#clock = clock;
  }

  /** Records and executes once, so that the result can be checked. */
  static async create(
    device: Device,
    options: {
      name: string;
      clock: Clock;
      record(program: Program): void;
    },
  ): Promise<Runner> {
    const program = new Program(device);
    try {
      options.record(program);
      const readback = await new Readback(device, 4).prepare();
      // Maps wait for the whole queue, whatever they read.
      const runner = new Runner(options.name, {
        program,
        readback,
        clock: options.clock,
      });
      runner.#execute(1);
      return runner;
    } catch (error) {
      program[Symbol.dispose]();
      throw error;
    }
  }

  /** Chooses how many executions make a run. */
  async calibrate(): Promise<void> {
    const { ms } = await sample(this.#clock, () => this.#execute(1));
    this.#repeats = Math.max(1, Math.min(MAX_REPEATS, Math.ceil(RUN_MS / ms)));
  }

  /** Milliseconds of one execution, the mean of a run. */
  async run(): Promise<Sample> {
    const { ms, cpuMs } = await sample(
      this.#clock,
      () => this.#execute(this.#repeats),
    );
    return { ms: ms / this.#repeats, cpuMs: cpuMs / this.#repeats };
  }

  [Symbol.dispose](): void {
    this.program[Symbol.dispose]();
    this.#readback[Symbol.dispose]();
  }

  #execute(times: number): void {
    for (let i = 0; i < times; i++) this.program.submit();
    this.#readback.read(new Uint8Array(4));
  }
}
