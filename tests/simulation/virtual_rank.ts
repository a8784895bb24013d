import type { Heartbeat } from "../../cluster/protocol.ts";
import type { PhaseName } from "../../src/phases/engine.ts";

/** A rank as the coordinator can see it: one step is one collective. */
export class VirtualRank {
  readonly rank: number;
  seen = 0;
  activity: Heartbeat["activity"] = "opening";
  phase: PhaseName | undefined;
  phaseCommand = 0;
  step = 0;
  ticks = 0;
  entered = 0;
  finished = 0;
  /** Of the ranks that it meets, and they. */
  generation = 1;
  members: readonly number[] = [];
  /** Told of a change that it has not made yet. */
  regroups = false;
  /** It waits for the others who were told. */
  arrived = false;
  /** What it was told to do after that. */
  afterwards: (() => void) | undefined;
  stop = false;
  /** Number of its connection. */
  connection = 1;
  dead = false;
  frozen = false;
  hung = false;
  /** Changes when the rank begins something else: old timers do nothing. */
  work = 0;

  constructor(rank: number) {
    this.rank = rank;
  }

  beat(): Heartbeat {
    const { rank, seen, activity, phase, step, ticks, entered, finished } =
      this;
    return {
      rank,
      seen,
      activity,
      ...(phase === undefined ? {} : { phase }),
      step,
      ticks,
      entered,
      finished,
      connection: `${this.connection}`,
    };
  }
}
