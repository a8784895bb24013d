import type { Disk } from "../env/mod.ts";

/** One folder under `checkpoints/`. */
export interface CheckpointEntry {
  name: string;
  phase: string;
  step: number;
}

export function checkpointsFolder(runFolder: string): string {
  return `${runFolder}/checkpoints`;
}

/** Name of the file that names the best checkpoint of a phase. */
export function bestPointer(phase: string): string {
  return `best-${phase}`;
}

/** Folders being replaced carry `.old`; they count while nothing newer is there. */
const NAME = /^([A-Za-z][A-Za-z0-9]*)-(\d{1,15})(\.old)?$/;

/** All checkpoints by phase and step, oldest first; damaged ones included. */
export async function listCheckpoints(
  disk: Disk,
  runFolder: string,
): Promise<CheckpointEntry[]> {
  const folder = checkpointsFolder(runFolder);
  if ((await disk.stat(folder))?.kind !== "folder") return [];
  const entries: CheckpointEntry[] = [];
  for (const { name, kind } of await disk.list(folder)) {
    const match = kind === "folder" ? NAME.exec(name) : null;
    if (match) entries.push({ name, phase: match[1]!, step: Number(match[2]) });
  }
  return entries.sort((a, b) =>
    (a.phase < b.phase ? -1 : a.phase > b.phase ? 1 : 0) || a.step - b.step ||
    b.name.length - a.name.length
  );
}

/** The checkpoint that `last`, `best` or `best-<phase>` names. */
export async function readPointer(
  disk: Disk,
  runFolder: string,
  pointer: string,
): Promise<string | undefined> {
  const path = `${checkpointsFolder(runFolder)}/${pointer}`;
  if ((await disk.stat(path))?.kind !== "file") return undefined;
  const bytes = await disk.readRange(path, 0, 256);
  const name = new TextDecoder().decode(bytes).trim();
  return NAME.test(name) ? name : undefined;
}
