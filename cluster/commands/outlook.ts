import type { Config } from "../../src/config/mod.ts";
import type { Clock } from "../../src/env/mod.ts";
import type { PhaseName } from "../../src/phases/engine.ts";
import { type PhaseWork, phaseWork } from "../../src/phases/work.ts";
import { clockTime } from "../console.ts";
import type { ProgressMessage } from "../protocol.ts";
import { forecast, type TimeBudget } from "../slurm/mod.ts";

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
  readonly #work: ReadonlyMap<PhaseName, PhaseWork>;
  readonly #startedAt: number;
  /** Of the phases in progress: their first and their newest news. */
  readonly #running = new Map<PhaseName, { first: News; last: News }>();
  #told = false;

  constructor(options: OutlookOptions) {
    this.#options = options;
    this.#work = phaseWork(options.config);
    this.#startedAt = options.clock.now();
  }

  /** A line for people, once the pace is known. */
  take(progress: ProgressMessage): string | undefined {
    const at = this.#options.clock.now();
    const { phase } = progress;
    const last = { progress, at };
    const { first } = this.#running.get(phase) ?? { first: last };
    this.#running.set(phase, { first, last });
    if (this.#told || at - first.at < MEASURE_MS) return undefined;
    this.#told = true;
    return this.line();
  }

  /** A phase is done. */
  end(phase: PhaseName): void {
    this.#running.delete(phase);
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
    const phases = [...this.#work.keys()];
    let longest: number | undefined;
    let perCost = 0;
    let newest = 0;
    for (const [phase, { first, last }] of this.#running) {
      const { step, steps } = last.progress;
      const done = step - first.progress.step;
      if (done <= 0) continue;
      const perStep = (last.at - first.at) / 1000 / done;
      perCost = perStep / this.#work.get(phase)!.cost;
      longest = Math.max(longest ?? 0, perStep * (steps - step));
      newest = Math.max(newest, phases.indexOf(phase));
    }
    if (longest === undefined) return undefined;
    const later = phases.slice(newest + 1).reduce((sum, name) => {
      const { steps, cost } = this.#work.get(name)!;
      return sum + steps * cost;
    }, 0);
    return longest + perCost * later;
  }
}

interface News {
  progress: ProgressMessage;
  at: number;
}
