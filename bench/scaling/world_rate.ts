import type { World } from "../../cluster/prediction/mod.ts";
import { Team } from "../collectives/team.ts";
import { median } from "../common/measure.ts";

const SMALL_BYTES = 8 * 1024;
const CALLS = 5;

/** What all-reduces of ranks on this machine cost. */
export interface WorldRate {
  readonly world: World;
  /** CPU milliseconds that each rank's cores lose to a byte of gradients. */
  readonly cpuMsPerByte: number;
}

/**
 * Fits the alpha-beta model to two measured sizes of all-reduce over the link
 * that `train` would choose.
 */
export async function measureWorld(
  ranks: number,
  bucketBytes: number,
): Promise<WorldRate> {
  await using team = await Team.start({ size: ranks });
  const link = "direct" as const;
  const call = (bytes: number, times: number) =>
    team.call({ name: "all_reduce", link, bytes, times });
  await call(bucketBytes, 2);
  const small = await call(SMALL_BYTES, 4 * CALLS);
  const large = await call(bucketBytes, CALLS);
  const [smallMs, largeMs] = [median(small.ms), median(large.ms)];
  // A ring: 2 (n - 1) messages of a chunk each.
  const steps = 2 * (ranks - 1);
  const alphaMs = smallMs / steps;
  const bytesPerMs = steps * bucketBytes / ranks /
    Math.max(largeMs - smallMs, 0.01 * largeMs);
  const rate = { alphaMs, bytesPerMs };
  return {
    world: {
      ranks,
      transport: "direct",
      link: rate,
      local: rate,
      ranksPerNode: 1,
    },
    cpuMsPerByte: large.cpuMs / CALLS / ranks / bucketBytes,
  };
}
