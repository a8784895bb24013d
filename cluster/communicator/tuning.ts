import { type Flow, WINDOW_BYTES } from "../links/mod.ts";
import { ROOM } from "./waiting_room.ts";

/** How a world uses its links and collectives; equal on all its ranks. */
export interface Tuning {
  /** What bulk data travels over. */
  link: "nats" | "direct";
  nats: Flow;
  direct: Flow;
}

/** What a tuning is good for. */
export interface TuningKey {
  /** Machine of each rank. */
  hosts: readonly string[];
  wish: string;
}

/** Keeps what was measured for the next world of the same kind; rank 0 asks. */
export interface TuningStore {
  read(key: TuningKey): Promise<Tuning | undefined>;
  write(key: TuningKey, tuning: Tuning): Promise<void>;
}

const MOST_LANES = 8;
const LARGEST_SEGMENT = 4 * 1024 * 1024;
const LARGEST_TREE = 16 * 1024 * 1024;

/** Whether a value from a file is a tuning with which every link works. */
export function isTuning(value: unknown): value is Tuning {
  const { link, nats, direct } = Object(value) as Partial<Tuning>;
  return (link === "nats" || link === "direct") && isFlow(nats) &&
    isFlow(direct);
}

function isFlow(value: unknown): value is Flow {
  const { lanes, segmentBytes, windowBytes, treeBytes } = Object(
    value,
  ) as Partial<Flow>;
  return isWithin(lanes, 1, MOST_LANES) &&
    isWithin(segmentBytes, 1024, LARGEST_SEGMENT) &&
    isWithin(windowBytes, segmentBytes!, 2 * WINDOW_BYTES) &&
    lanes! * windowBytes! <= ROOM &&
    isWithin(treeBytes, 0, LARGEST_TREE);
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && value as number >= least &&
    value as number <= most;
}
