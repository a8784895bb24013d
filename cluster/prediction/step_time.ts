import { allGatherTime, allReduceTime, type World } from "./all_reduce_time.ts";

/** One training step of a rank. */
export interface StepShape {
  /** Milliseconds of forward, backward and update, without waiting for other ranks. */
  readonly computeMs: number;
  /** Milliseconds that a rank waits in a step for those that happen to be late; default 0. */
  readonly lateMs?: number;
  /** `computeMs` holds the copies between host and GPU that exchanges need; default: it does not. */
  readonly copies?: boolean;
  /** Bytes of each bucket in f32, in the order they leave. */
  readonly bucketBytes: readonly number[];
  /** Bytes that a rank hands to all others and waits for theirs, as they are sent. */
  readonly gatherBytes?: readonly number[];
  /** Bytes on the wire for a byte of f32: 1, 0.5 (bf16, f16) or about 0.25 (int8). */
  readonly wireShare: number;
  /** Micro-batches of a step; gradients are summed over the ranks once. */
  readonly accumulate: number;
  /** Buckets leave during backward. */
  readonly overlap: boolean;
  /**
   * Share of the communication's CPU time that the computation loses, since both
   * run on the same cores: 0 on a GPU.
   */
  readonly cpuMsPerByte: number;
}

/** What a step takes among others. */
export interface StepTime {
  readonly stepMs: number;
  /** All all-reduces of a step, with nothing to wait for. */
  readonly allReduceMs: number;
  /** What others add to the step: communication, and waiting for those that are late. */
  readonly exposedMs: number;
  /** Time of a step without waiting over time among others. */
  readonly efficiency: number;
  readonly algorithms: readonly string[];
}

/** Backward's share of a step: two products for each one of forward. */
const BACKWARD = 0.62;
/** Host and GPU exchange data at this rate (T4 by Vulkan copies: 6 GB/s; half, since both ways share it). */
const COPY_BYTES_PER_MS = 4e6;

/**
 * The timeline of a step: bucket i is ready when its share of backward has run,
 * is copied to the host, waits until the link is free, and its sum is copied back;
 * the update of the last one cannot begin before. Nothing runs during a gather.
 */
export function stepTime(shape: StepShape, world: World): StepTime {
  const { computeMs, bucketBytes, wireShare, accumulate, overlap } = shape;
  const { gatherBytes = [], copies = false, lateMs = 0 } = shape;
  const copyMs = (bytes: number) => copies ? 0 : bytes / COPY_BYTES_PER_MS;
  const compute = computeMs * accumulate;
  if (world.ranks === 1) {
    return {
      stepMs: compute,
      allReduceMs: 0,
      exposedMs: 0,
      efficiency: 1,
      algorithms: [],
    };
  }
  const total = bucketBytes.reduce((sum, bytes) => sum + bytes, 0);
  // Only the last micro-batch's backward hides communication.
  const backwardFrom = compute - BACKWARD * computeMs;
  let sent = 0;
  let linkFree = 0;
  let arrived = 0;
  let transferMs = 0;
  let latencyMs = 0;
  const algorithms = new Set<string>();
  for (const bytes of bucketBytes) {
    sent += bytes;
    const wire = bytes * wireShare;
    const ready = overlap
      ? backwardFrom + BACKWARD * computeMs * sent / total
      : compute;
    const copy = copyMs(wire);
    const time = allReduceTime(wire, world);
    algorithms.add(time.algorithm);
    transferMs += time.transferMs;
    latencyMs = Math.max(latencyMs, time.latencyMs);
    linkFree = Math.max(linkFree, ready + copy) + time.transferMs;
    arrived = Math.max(arrived, linkFree + time.latencyMs + copy);
  }
  const stolen = total * wireShare * shape.cpuMsPerByte;
  const gathered = gatherBytes.reduce(
    (sum, bytes) =>
      sum + allGatherTime(bytes, world) + copyMs(world.ranks * bytes),
    0,
  );
  const stepMs = Math.max(compute + stolen, arrived) + gathered + lateMs;
  return {
    stepMs,
    allReduceMs: transferMs + latencyMs,
    exposedMs: stepMs - compute,
    efficiency: compute / stepMs,
    algorithms: [...algorithms],
  };
}
