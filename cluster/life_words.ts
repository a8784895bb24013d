import { type PhaseName, PHASES } from "../src/phases/engine.ts";
import { ACTIVITIES, type Heartbeat } from "./protocol.ts";

/**
 * Words of an `Int32Array` in shared memory that the main thread writes and the
 * comm worker reads into each heartbeat; `roundTrip` goes the other way.
 */
export const LIFE = {
  seen: 0,
  activity: 1,
  /** Index into `PHASES`, or -1. */
  phase: 2,
  step: 3,
  ticks: 4,
  entered: 5,
  finished: 6,
  /** Microseconds of a message to the server and back; the comm worker writes it. */
  roundTrip: 7,
} as const;
export const LIFE_WORDS = 8;

/** Reads the heartbeat of a rank out of {@linkcode LIFE} words. */
export function heartbeatOf(
  life: Int32Array,
  { rank, connection }: Pick<Heartbeat, "rank" | "connection">,
): Heartbeat {
  const word = (name: keyof typeof LIFE) => Atomics.load(life, LIFE[name]);
  const phase: PhaseName | undefined = PHASES[word("phase")];
  return {
    rank,
    seen: word("seen"),
    activity: ACTIVITIES[word("activity")] ?? "opening",
    ...(phase === undefined ? {} : { phase }),
    step: word("step"),
    ticks: word("ticks") >>> 0,
    entered: word("entered"),
    finished: word("finished"),
    connection,
  };
}
