/** How a rank spends its steps, in milliseconds. */
export interface RankMeans {
  /** Own work until its last gradients are on their way. */
  readyMs: number;
  /** Waiting for others. */
  waitMs: number;
  /** A message to the others' meeting point and back; 0 = not known. */
  roundTripMs: number;
}

/** What holds the ranks up. */
export interface Straggler {
  cause: "compute" | "link";
  /** Absent when the links of all ranks are alike. */
  rank?: number;
  /** Part of each step that the others wait because of it, 0..1. */
  share: number;
}

/** Part of a step from which on waiting is worth a word. */
const COMPUTE_SHARE = 0.15;
const LINK_SHARE = 0.25;

/** A rank's round trip is longer than the others' by this factor when its link is to blame. */
const LINK_FACTOR = 3;

/**
 * The rank that the others wait for, and why.
 *
 * All-reduce levels the time of a step, so a slow rank shows only in when it is
 * ready, later than the others, and in how little it then waits. When all are ready
 * together and all wait, the way between them is slow: then the rank with
 * the longest round trip is named, if it stands out.
 */
export function findStraggler(
  ranks: readonly RankMeans[],
  stepMs: number,
): Straggler | undefined {
  const slowest = slowestRank(ranks, stepMs);
  if (slowest === undefined) return undefined;
  if (slowest.share >= COMPUTE_SHARE) return { cause: "compute", ...slowest };
  const share = Math.min(...ranks.map((rank) => rank.waitMs)) / stepMs;
  if (share < LINK_SHARE) return undefined;
  const far = indexOfLargest(ranks.map(({ roundTripMs }) => roundTripMs));
  const usual = median(
    ranks.filter((_, rank) => rank !== far)
      .map(({ roundTripMs }) => roundTripMs),
  );
  return ranks[far]!.roundTripMs > LINK_FACTOR * usual && usual > 0
    ? { cause: "link", rank: far, share }
    : { cause: "link", share };
}

/** Who is ready last, and the part of a step, 0..1, for which the others wait for it. */
export function slowestRank(
  ranks: readonly Omit<RankMeans, "roundTripMs">[],
  stepMs: number,
): { rank: number; share: number } | undefined {
  if (ranks.length < 2 || !(stepMs > 0)) return undefined;
  const rank = indexOfLargest(ranks.map(({ readyMs }) => readyMs));
  const others = ranks.filter((_, other) => other !== rank);
  const { readyMs, waitMs } = ranks[rank]!;
  const late = readyMs - median(others.map((other) => other.readyMs));
  const longer = median(others.map((other) => other.waitMs)) - waitMs;
  return { rank, share: Math.max(0, Math.min(late, longer) / stepMs) };
}

/** One line for people. */
export function describeStraggler({ cause, rank, share }: Straggler): string {
  const part = `${Math.round(100 * share)} % of each step`;
  if (cause === "compute") {
    return `rank ${rank} is slow (compute): the others wait for its gradients ${part}`;
  }
  return rank === undefined
    ? `the way between the ranks is slow (link): all wait ${part}`
    : `rank ${rank} is slow (link): all wait for what goes to and from it ${part}`;
}

/** The lower one of two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? 0;
}

function indexOfLargest(values: readonly number[]): number {
  return values.indexOf(Math.max(...values));
}
