import type { Config } from "../../src/config/mod.ts";
import type { Disk } from "../../src/env/mod.ts";
import { enabledPhases, phaseInputs } from "../../src/phases/mod.ts";
import type { PhaseName } from "../../src/phases/engine.ts";
import { readDonor, withLabels } from "../launch/mod.ts";
import { hashOf } from "../version.ts";

/**
 * Which member of a sweep has done a phase as another one would do it. So a member
 * is told the few whose phases it takes and need not read all the others, which
 * would be a million readings for a thousand members.
 */
export class SharedPhases {
  readonly #disk: Disk;
  /** Hash of the code that phases must be done by. */
  readonly #code: string;
  /** Run folder by hash of all that decides the phase. */
  readonly #folders = new Map<string, string>();

  constructor(disk: Disk, code: string) {
    this.#disk = disk;
    this.#code = code;
  }

  /** Notes what the run in a folder has done, if there is one. */
  async add(folder: string): Promise<void> {
    const donor = await readDonor(this.#disk, folder, { code: this.#code });
    if (donor === undefined) return;
    for (const phase of donor.done.keys()) {
      const key = await keyOf(donor.config, phase);
      if (!this.#folders.has(key)) this.#folders.set(key, folder);
    }
  }

  /** Run folders from which a run of this configuration can take phases. */
  async donorsOf(config: Config): Promise<string[]> {
    const own = await withLabels(this.#disk, config);
    const found = new Set<string>();
    // The last phase is always done anew.
    for (const phase of enabledPhases(own).slice(0, -1)) {
      const folder = this.#folders.get(await keyOf(own, phase));
      if (folder !== undefined) found.add(folder);
    }
    return [...found];
  }
}

async function keyOf(config: Config, phase: PhaseName): Promise<string> {
  return await hashOf(`${phase} ${JSON.stringify(phaseInputs(config, phase))}`);
}
