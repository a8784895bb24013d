import type { Disk, Env } from "../../src/env/mod.ts";
import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import type { JournalRecord } from "./state.ts";

const NAME = "events.jsonl";

/** The coordinator's decisions, one a line, each written before it takes effect. */
export class Journal {
  readonly #env: Env;
  readonly #path: string;

  constructor(env: Env, runFolder: string) {
    this.#env = env;
    this.#path = `${runFolder}/${NAME}`;
  }

  async append(record: JournalRecord): Promise<void> {
    const time = this.#env.clock.wall();
    await this.#env.disk.append(
      this.#path,
      `${JSON.stringify({ time, ...record })}\n`,
    );
  }

  /**
   * Ends a last line that a crash has cut in half, so that the next record
   * begins on its own.
   */
  async mend(): Promise<void> {
    const { disk } = this.#env;
    if (!await disk.stat(this.#path)) return;
    const text = await disk.readText(this.#path);
    if (text !== "" && !text.endsWith("\n")) {
      await disk.append(this.#path, "\n");
    }
  }
}

/** What earlier lives of a run have finished. */
export async function readDone(
  disk: Disk,
  runFolder: string,
): Promise<Map<PhaseName, PhaseSummary>> {
  const done = new Map<PhaseName, PhaseSummary>();
  const path = `${runFolder}/${NAME}`;
  if (!await disk.stat(path)) return done;
  for (const line of (await disk.readText(path)).split("\n")) {
    let record: Partial<JournalRecord>;
    try {
      record = Object(JSON.parse(line));
    } catch {
      continue;
    }
    if (record.event === "phase_done" && record.phase && record.summary) {
      done.set(record.phase, record.summary);
    }
  }
  return done;
}
