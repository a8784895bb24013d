import type { Clock } from "../../src/env/mod.ts";
import { type DirectLink, type Flow, WINDOW_BYTES } from "../links/mod.ts";
import type { Comm } from "./comm.ts";

const MB = 1024 * 1024;
const PROBE_ROUNDS = 2;
const TREE_ROUNDS = 7;
/** What is not usual must win by this: measurements waver. */
const CLEARLY = 0.9;

const MOST_LANES = 4;
const LANES = [1, 2, MOST_LANES].map((lanes) => ({ lanes }));
const SEGMENTS = [MB / 2, MB, 2 * MB, 4 * MB]
  .map((segmentBytes) => ({ segmentBytes }));
const WINDOWS = [WINDOW_BYTES / 2, WINDOW_BYTES]
  .map((windowBytes) => ({ windowBytes }));
/** Sizes at which tree and ring compete, ascending. */
export const TREE_SIZES = [16, 64, 256, 1024].map((k) => k * 1024);

export interface Sweep {
  comm: Comm;
  link: DirectLink;
  clock: Clock;
  /** Size of the all-reduces. */
  bytes: number;
}

/**
 * Bandwidth of an all-reduce over the link in use, in bytes per second, the same
 * number on all ranks.
 */
export async function bandwidth(sweep: Sweep): Promise<number> {
  const { bytes } = sweep;
  const data = new Float32Array(bytes / 4);
  return bytes / (await fastest(sweep, data, PROBE_ROUNDS) / 1000);
}

/**
 * Tries sizes of segments, windows and numbers of lanes of the link in use, one
 * after the other, then tree against ring, and leaves the best. All ranks take part and find the same.
 */
export async function sweepFlow(sweep: Sweep): Promise<number> {
  const { link } = sweep;
  const challenges = [...SEGMENTS, ...WINDOWS, ...link.isDirect ? [] : LANES];
  await openLanes(sweep, MOST_LANES);
  let best = { flow: link.flow, rate: await bandwidth(sweep) };
  for (const change of challenges) {
    const flow: Flow = { ...best.flow, ...change };
    if (flow.windowBytes < flow.segmentBytes) continue;
    if (JSON.stringify(flow) === JSON.stringify(best.flow)) continue;
    link.flow = flow;
    const rate = await bandwidth(sweep);
    if (rate * CLEARLY > best.rate) best = { flow, rate };
  }
  link.flow = { ...best.flow, treeBytes: await sweepTree(sweep, best.flow) };
  return best.rate;
}

/** Opens lanes on all ranks, before any of them sends in one. */
export async function openLanes(
  { comm, link }: Pick<Sweep, "comm" | "link">,
  lanes: number,
): Promise<void> {
  await link.openLanes(lanes);
  await comm.barrier();
}

/** Finds up to which size all-reduce is faster along a tree. */
async function sweepTree(sweep: Sweep, flow: Flow): Promise<number> {
  let found = 0;
  for (const bytes of TREE_SIZES) {
    const data = new Float32Array(bytes / 4);
    sweep.link.flow = { ...flow, treeBytes: bytes };
    const tree = await fastest(sweep, data, TREE_ROUNDS);
    sweep.link.flow = { ...flow, treeBytes: 0 };
    const ring = await fastest(sweep, data, TREE_ROUNDS);
    if (ring < CLEARLY * tree) break;
    found = bytes;
  }
  return found;
}

/** Milliseconds of the fastest of some all-reduces, on the slowest rank. */
async function fastest(
  { comm, clock }: Sweep,
  data: Float32Array,
  rounds: number,
): Promise<number> {
  let best = Infinity;
  // The first one only warms up.
  for (let round = 0; round <= rounds; round++) {
    await comm.barrier();
    const start = clock.now();
    await comm.allReduce(data);
    if (round > 0) best = Math.min(best, clock.now() - start);
  }
  const slowest = await comm.allReduce(best, { op: "max" });
  return Math.max(slowest, 1e-3);
}
