import type { Env } from "../../src/env/mod.ts";
import type { LogLevel } from "../../src/phases/engine.ts";

/** `logs/rank-N.jsonl`: one line per message, in order. */
export class RankLog {
  readonly #env: Env;
  readonly #path: string;
  #tail: Promise<void> = Promise.resolve();

  constructor(env: Env, runFolder: string, rank: number) {
    this.#env = env;
    this.#path = `${runFolder}/logs/rank-${rank}.jsonl`;
  }

  write(
    level: LogLevel,
    message: string,
    fields: Record<string, unknown> = {},
  ): void {
    const time = this.#env.clock.wall();
    const line = JSON.stringify({ time, level, message, ...fields });
    this.#tail = this.#tail
      .then(() => this.#env.disk.append(this.#path, `${line}\n`))
      .catch(() => {
        // A full disk is no reason to stop training.
      });
  }

  /** Resolves when all lines are written. */
  flush(): Promise<void> {
    return this.#tail;
  }
}
