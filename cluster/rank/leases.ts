import type { Env } from "../../src/env/mod.ts";
import type { LogLevel } from "../../src/phases/engine.ts";
import type { LeasedWork, Leases } from "../../src/training/communicator.ts";
import type { Reporter } from "./reporter.ts";

/** Asking for parts may take this share of the time that they take. */
const ASKING = 0.02;
/** Who is done looks whether the others are this often, at most, while they do a part. */
const LOOKS = 10;
/** Longest time between two looks, in ms. */
const LONGEST_PAUSE_MS = 1000;

export interface RankLeasesOptions {
  env: Pick<Env, "clock" | "timers">;
  reporter: Pick<Reporter, "report">;
  log: {
    write(
      level: LogLevel,
      message: string,
      fields: Record<string, unknown>,
    ): void;
  };
  rank: number;
  /** Of the ranks that share the work, and how many they are. */
  generation: number;
  size: number;
}

/** Parts of work that the coordinator deals out to the ranks of a generation. */
export class RankLeases implements Leases {
  readonly #options: RankLeasesOptions;
  #works = 0;

  constructor(options: RankLeasesOptions) {
    this.#options = options;
  }

  get regrouped(): boolean {
    return this.#options.generation > 1;
  }

  begin(parts: number): LeasedWork {
    const work = ++this.#works;
    const { size, generation, log } = this.#options;
    log.write("debug", "leases work", { generation, work, parts });
    return size === 1
      ? allAtOnce(parts)
      : new RankWork(this.#options, work, parts);
  }
}

/** A piece of work that several ranks share. */
class RankWork implements LeasedWork {
  readonly #options: RankLeasesOptions;
  readonly #work: number;
  readonly #parts: number;
  readonly #never = new AbortController().signal;
  #asks = 0;
  #askedMs = 0;
  /** Parts that this rank has done, and how long they took. */
  #done = 0;
  #workedMs = 0;
  /** What it works on, and since when. */
  #given: { at: number; count: number } | undefined;

  constructor(options: RankLeasesOptions, work: number, parts: number) {
    this.#options = options;
    this.#work = work;
    this.#parts = parts;
  }

  async next(): Promise<[start: number, end: number] | undefined> {
    const { clock, timers } = this.#options.env;
    if (this.#given) {
      this.#workedMs += clock.now() - this.#given.at;
      this.#done += this.#given.count;
      this.#given = undefined;
    }
    while (true) {
      const { first, end, over } = await this.#ask();
      if (first < end) {
        this.#given = { at: clock.now(), count: end - first };
        return [first, end];
      }
      if (over) break;
      await timers.sleep(this.#pauseMs);
    }
    const { generation, log } = this.#options;
    log.write("debug", "leased work is done", {
      generation,
      work: this.#work,
      parts: this.#parts,
      own: this.#done,
      asks: this.#asks,
      ask_ms: this.#askedMs / this.#asks,
      part_ms: this.#partMs,
    });
    return undefined;
  }

  get #partMs(): number {
    return this.#workedMs / Math.max(1, this.#done);
  }

  get #pauseMs(): number {
    const askMs = this.#askedMs / this.#asks;
    return Math.min(Math.max(this.#partMs / LOOKS, askMs, 1), LONGEST_PAUSE_MS);
  }

  async #ask() {
    const { env: { clock }, reporter, rank, generation } = this.#options;
    const from = clock.now();
    const answer = await reporter.report({
      kind: "lease",
      rank,
      generation,
      work: this.#work,
      ask: ++this.#asks,
      parts: this.#parts,
      // The first lease measures what a part takes.
      most: this.#done === 0
        ? 1
        : worthAsking(this.#askedMs / (this.#asks - 1), this.#partMs),
    }, this.#never);
    this.#askedMs += clock.now() - from;
    if (answer.kind !== "leased") {
      throw new Error(`Cannot lease work: the answer is ${answer.kind}`);
    }
    return answer;
  }
}

/** Parts that are worth a question, by the milliseconds that it and a part take. */
export function worthAsking(askMs: number, partMs: number): number {
  // A clock may be too coarse for a part.
  return Math.max(1, Math.ceil(askMs / (ASKING * Math.max(partMs, 0.01))));
}

/** Nobody shares it. */
function allAtOnce(parts: number): LeasedWork {
  let given = false;
  return {
    next() {
      const all: [number, number] | undefined = given ? undefined : [0, parts];
      given = true;
      return Promise.resolve(all);
    },
  };
}
