import type { Disk } from "../env/mod.ts";
import { type MetricsLine, readMetrics } from "../run/mod.ts";
import { asFigure } from "./run_data.ts";
import { encodeEvents, type Scalar } from "./tf_events.ts";

/** Keys of a line that say where it belongs, not how good it was. */
const PLACE = new Set(["time", "phase", "step", "split"]);
/** What may be the name of a folder. */
const PHASE_NAME = /^[A-Za-z][A-Za-z0-9]{0,31}$/;

/**
 * Writes `tensorboard/<phase>/<split>/` into a run folder, from `metrics.jsonl`: every
 * figure is a scalar with the same tag in all of them, so that phases and splits
 * lie over each other. Returns the folder.
 */
export async function writeTensorBoard(
  disk: Disk,
  runFolder: string,
): Promise<string> {
  const folder = `${runFolder}/tensorboard`;
  const { lines } = await readMetrics(disk, runFolder);
  const groups = Map.groupBy(
    lines.filter(({ phase }) => PHASE_NAME.test(phase)),
    ({ phase, split }) => `${phase}/${split}`,
  );
  await disk.remove(folder);
  for (const [name, own] of groups) {
    const scalars = own.flatMap(scalarsOf);
    const begun = Math.floor(scalars[0]?.time ?? 0);
    await disk.makeFolder(`${folder}/${name}`);
    await disk.write(
      `${folder}/${name}/events.out.tfevents.${begun}.signet`,
      encodeEvents(scalars),
    );
  }
  return folder;
}

function scalarsOf(line: MetricsLine): Scalar[] {
  const { time, step } = line;
  return Object.entries(line).flatMap(([key, found]) => {
    const value = asFigure(found);
    return PLACE.has(key) || value === undefined
      ? []
      : [{ time: (asFigure(time) ?? 0) / 1000, step, tag: key, value }];
  });
}
