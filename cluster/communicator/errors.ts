/** Another rank did not take part in a collective in time. */
export class CollectiveTimeoutError extends Error {
  override name = "CollectiveTimeoutError";
  /** The ranks that everybody waits for, ascending. */
  readonly missingRanks: readonly number[];
  readonly rank: number;
  readonly wait: Wait;

  constructor(rank: number, wait: Wait) {
    super(`Cannot finish ${wait.collective} on rank ${rank}: ${reason(wait)}`);
    this.rank = rank;
    this.wait = wait;
    this.missingRanks = wait.missingRanks;
  }
}

/** Another rank failed, so no collective can finish any more. */
export class RankFailedError extends Error {
  override name = "RankFailedError";
  /** `undefined` when the reason does not tell. */
  readonly failedRank: number | undefined;
  readonly reason: string;

  constructor(reason: string, failedRank?: number) {
    super(
      failedRank === undefined
        ? `Cannot go on: ${reason}`
        : `Cannot go on without rank ${failedRank}: ${reason}`,
    );
    this.failedRank = failedRank;
    this.reason = reason;
  }
}

/** Ranks made different calls, or the same with other types, sizes or roots. */
export class CollectiveMismatchError extends Error {
  override name = "CollectiveMismatchError";
}

/** A collective that waits for other ranks. */
export interface Wait {
  /** Name and number: "all-reduce 12". */
  collective: string;
  missingRanks: readonly number[];
  /** Why they are held to be missing. */
  cause: "absent" | "silent" | "stuck" | "unsent" | "unreceived";
  /** Time without any progress. */
  seconds: number;
}

const CAUSES = {
  absent: "not called it",
  silent: "been silent",
  stuck: "sent no data",
  unsent: "sent no such message",
  unreceived: "not received it",
} as const;

function reason({ missingRanks, cause, seconds }: Wait): string {
  const who = missingRanks.length === 1
    ? `rank ${missingRanks[0]} has`
    : `ranks ${missingRanks.join(", ")} have`;
  return `${who} ${CAUSES[cause]} for ${seconds} s`;
}

/** A line for the log about a collective that waits. */
export function describeWait(rank: number, wait: Wait): string {
  return `rank ${rank} waits in ${wait.collective}: ${reason(wait)}`;
}
