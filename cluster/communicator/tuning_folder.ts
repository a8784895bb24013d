import { crc32 } from "node:zlib";
import type { Disk } from "../../src/env/mod.ts";
import { isTuning, type TuningKey, type TuningStore } from "./tuning.ts";

/** Raised when older measurements mean something else. */
const VERSION = 1;

/**
 * Tunings as files of a folder, one for each kind of world. What cannot be read
 * is measured anew, and so is, next time, what cannot be written.
 */
export function tuningFolder(disk: Disk, folder: string): TuningStore {
  const fileOf = (world: string) => `${folder}/${hash(world)}.json`;
  return {
    async read(key) {
      const name = nameOf(key);
      try {
        const text = await disk.readText(fileOf(name));
        const { version, world, tuning } = JSON.parse(text);
        const fits = version === VERSION && world === name && isTuning(tuning);
        return fits ? tuning : undefined;
      } catch {
        return undefined;
      }
    },
    async write(key, tuning) {
      const world = nameOf(key);
      const text = JSON.stringify({ version: VERSION, world, tuning }, null, 2);
      try {
        await disk.makeFolder(folder);
        await disk.write(fileOf(world), `${text}\n`);
      } catch {
        // The next world measures again.
      }
    },
  };
}

/** "auto: node01 x 4, node02 x 4" */
function nameOf({ hosts, wish }: TuningKey): string {
  const counts = new Map<string, number>();
  for (const host of hosts) counts.set(host, (counts.get(host) ?? 0) + 1);
  const machines = [...counts].map(([host, ranks]) => `${host} x ${ranks}`);
  return `${wish}: ${machines.join(", ")}`;
}

function hash(world: string): string {
  return crc32(world).toString(16).padStart(8, "0");
}
