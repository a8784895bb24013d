import { ConfigError } from "../../src/env/mod.ts";

/** The part of this machine that one run of a sweep has for itself. */
export interface Slot {
  /** Options of `train`. */
  args: readonly string[];
  /** The only cores of its processes, as in `0,1`; left out, all. */
  cores?: string;
}

/** What there is to be divided. */
export interface Machine {
  /** UUIDs of the GPUs; without any, the CPU computes. */
  gpus: readonly string[];
  /** Numbers of the cores that processes may use. */
  cores: readonly number[];
}

/**
 * Divides a machine between runs of so many ranks: a GPU for each rank, or else at
 * least a core, and no rank of a run on those of another.
 *
 * @throws {ConfigError} If there are too few.
 */
export function slotsOf(
  { gpus, cores }: Machine,
  { atOnce, ranks }: { atOnce: number | "auto"; ranks: number },
): Slot[] {
  const places = gpus.length || cores.length;
  const count = atOnce === "auto"
    ? Math.max(1, Math.floor(places / ranks))
    : atOnce;
  if (count < 1 || count * ranks > places) {
    const what = gpus.length > 0 ? "GPUs" : "cores";
    throw new ConfigError(
      `Cannot train ${count} runs of ${ranks} ranks at once on ${places} ${what}`,
      { hint: "--at-once auto takes as many as fit; --ranks N of each run" },
    );
  }
  const common = [`--ranks=${ranks}`, "--launcher=local"];
  const each = Math.floor(cores.length / count);
  return Array.from({ length: count }, (_, slot) =>
    gpus.length > 0
      ? {
        args: [
          ...common,
          `--gpu-bind=${
            gpus.slice(slot * ranks, (slot + 1) * ranks).join(",")
          }`,
        ],
      }
      : {
        args: common,
        cores: cores.slice(slot * each, (slot + 1) * each).join(","),
      });
}
