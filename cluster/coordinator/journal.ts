import type { Disk, Env } from "../../src/env/mod.ts";
import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import type { Team } from "./rank_split.ts";
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

/** Records of all lives of a run; what a crash has cut is left out. */
async function readRecords(
  disk: Disk,
  runFolder: string,
): Promise<Partial<JournalRecord>[]> {
  const path = `${runFolder}/${NAME}`;
  if (!await disk.stat(path)) return [];
  return (await disk.readText(path)).split("\n").flatMap((line) => {
    try {
      return [Object(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

/** What earlier lives of a run have finished. */
export async function readDone(
  disk: Disk,
  runFolder: string,
): Promise<Map<PhaseName, PhaseSummary>> {
  const done = new Map<PhaseName, PhaseSummary>();
  for (const record of await readRecords(disk, runFolder)) {
    if (record.event === "phase_done" && record.phase && record.summary) {
      done.set(record.phase, record.summary);
    }
  }
  return done;
}

/** How earlier lives with as many ranks have divided them between phases. */
export async function readTeams(
  disk: Disk,
  runFolder: string,
  size: number,
): Promise<readonly Team[] | undefined> {
  const divided = (await readRecords(disk, runFolder)).findLast((record) =>
    record.event === "divided"
  );
  return divided?.event === "divided" && divided.size === size
    ? divided.teams
    : undefined;
}
