import type { Config } from "../../src/config/mod.ts";
import type { Clock } from "../../src/env/mod.ts";
import type { PhaseName } from "../../src/phases/engine.ts";
import { clockTime } from "../console.ts";
import type { ProgressMessage } from "../protocol.ts";
import { forecast, type TimeBudget } from "../slurm/mod.ts";
import { plannedImages } from "./planned_images.ts";

/** Training is timed for so long before anything is said of its end, in ms. */
const MEASURE_MS = 20_000;

export interface OutlookOptions {
  config: Config;
  clock: Clock;
  budget: TimeBudget;
  /** Seconds until the end of this job, from now on. */
  left: number;
  /** Number of this job, from 1 on. */
  job: number;
  /** Jobs that are submitted; left out, the job is requeued until all is done. */
  jobs?: number;
}

/** When a run will be done that its time limit ends before. */
export class Outlook {
  readonly #options: OutlookOptions;
  readonly #images: ReadonlyMap<PhaseName, number>;
  readonly #startedAt: number;
  #first: { phase: PhaseName; step: number; at: number } | undefined;
  #last: { progress: ProgressMessage; at: number } | undefined;
  #told = false;

  constructor(options: OutlookOptions) {
    this.#options = options;
    this.#images = plannedImages(options.config);
    this.#startedAt = options.clock.now();
  }

  /** A line for people, once the pace is known. */
  take(progress: ProgressMessage): string | undefined {
    const at = this.#options.clock.now();
    const { phase, step } = progress;
    if (this.#first?.phase !== phase) this.#first = { phase, step, at };
    this.#last = { progress, at };
    if (this.#told || at - this.#first.at < MEASURE_MS) return undefined;
    this.#told = true;
    return this.line();
  }

  /** The same line at any later time; nothing before there is a pace. */
  line(): string | undefined {
    const seconds = this.#secondsOfTraining();
    if (seconds === undefined) return undefined;
    const { clock, budget, left, job, jobs } = this.#options;
    const gone = (clock.now() - this.#startedAt) / 1000;
    const last = forecast(seconds, { job, left: left - gone, budget });
    const of = jobs === undefined ? "" : ` of ${jobs}`;
    const where = last === job
      ? `in this job, number ${job}${of}`
      : `in job ${last}${of}`;
    const short = jobs !== undefined && last > jobs
      ? `: submit ${last - jobs} more with --resume`
      : "";
    return `pace   ${
      clockTime(seconds * 1000)
    } of training left: will finish ${where}${short}`;
  }

  #secondsOfTraining(): number | undefined {
    const [first, last] = [this.#first, this.#last];
    if (first === undefined || last === undefined) return undefined;
    const { phase, step, steps } = last.progress;
    const done = step - first.step;
    if (done <= 0 || phase !== first.phase) return undefined;
    const perStep = (last.at - first.at) / 1000 / done;
    const { globalBatch } = this.#options.config;
    const phases = [...this.#images.keys()];
    const later = phases.slice(phases.indexOf(phase) + 1).reduce(
      (sum, name) => sum + Math.ceil(this.#images.get(name)! / globalBatch),
      0,
    );
    return perStep * (steps - step + later);
  }
}
