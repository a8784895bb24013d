import { type MetricsLine, RunFolder } from "../run/mod.ts";
import type { Context } from "./context.ts";

/**
 * Lines that a rank remembers. Sums need every rank, so the one that writes is at
 * most two steps behind the others, and a step has a line of training and one of
 * an evaluation.
 */
const REMEMBERED = 8;

/**
 * The lines of a phase in `metrics.jsonl`. Every rank makes the same and rank 0
 * writes them; the others remember the newest, should it be lost before that.
 */
export class PhaseMetrics {
  readonly #context: Context;
  readonly #run: RunFolder;
  readonly #newest: MetricsLine[] = [];

  constructor(context: Context) {
    this.#context = context;
    this.#run = new RunFolder(context.env.disk, context.runFolder);
  }

  async add(figures: Omit<MetricsLine, "time">): Promise<void> {
    const { communicator, env } = this.#context;
    const line = { time: env.clock.wall(), ...figures };
    this.#newest.push(line);
    if (this.#newest.length > REMEMBERED) this.#newest.shift();
    if (communicator.rank === 0) await this.#run.appendMetrics(line);
  }

  /** Writes what the rank that writes has not come to, since it is lost. */
  async complete(): Promise<void> {
    await this.#run.completeMetrics(this.#newest);
  }
}
