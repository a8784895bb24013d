import { ConfigError } from "../../src/env/mod.ts";

/** Where a process stands in its world, as its launcher told it. */
export interface Place {
  rank: number;
  size: number;
  /** File with the credentials of the world's NATS server. */
  credentials: string;
}

/** Names of the variables that a launcher of ours sets for each rank. */
export const PLACE_VARIABLES = {
  rank: "SIGNET_RANK",
  size: "SIGNET_SIZE",
  credentials: "SIGNET_CREDENTIALS",
} as const;

/** Variables that tune a rank; launchers pass them on. */
export const TUNING_VARIABLES = {
  /** Seconds that a call may wait without progress. */
  timeout: "SIGNET_TIMEOUT",
  /** How collectives are carried out. */
  collectives: "SIGNET_COLLECTIVES",
  /** What bulk data travels over. */
  link: "SIGNET_LINK",
  /** Folder in which rank 0 keeps how links were measured; empty: nothing is. */
  tuning: "SIGNET_TUNING",
} as const;

/** Looks a variable up; `undefined` when it is not set. */
export type Lookup = (name: string) => string | undefined;

/**
 * Finds this process's place: `undefined` when no launcher started it, so that
 * it is a world of its own. Other launchers (SLURM, PMI) are recognised here.
 *
 * @throws {ConfigError} If only some of the variables are set, or wrongly.
 */
export function findPlace(lookup: Lookup): Place | undefined {
  const [rank, size, credentials] = [
    lookup(PLACE_VARIABLES.rank),
    lookup(PLACE_VARIABLES.size),
    lookup(PLACE_VARIABLES.credentials),
  ];
  if (rank === undefined && size === undefined) return undefined;
  const place = { rank: Number(rank), size: Number(size) };
  const isWhole = [rank, size].every((text) => /^\d{1,4}$/.test(text ?? ""));
  if (!isWhole || place.rank >= place.size || !credentials) {
    throw new ConfigError(
      `Cannot find this rank's place: ${PLACE_VARIABLES.rank}=${rank} ${PLACE_VARIABLES.size}=${size} ${PLACE_VARIABLES.credentials}=${credentials}`,
      { hint: "deno task launch sets all three" },
    );
  }
  return { ...place, credentials };
}
