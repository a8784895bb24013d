import type { LinkRate, Transport } from "./link_rate.ts";

/** A world as the time of its collectives depends on it. */
export interface World {
  readonly ranks: number;
  readonly transport: Transport;
  readonly link: LinkRate;
  /** Ranks of a node, which share its network; 1: each has its own. */
  readonly ranksPerNode: number;
  /** Between ranks of one node. */
  readonly local: LinkRate;
}

/** An algorithm of all-reduce with what it takes. */
export interface AllReduceTime {
  readonly algorithm: "none" | "ring" | "tree" | "hierarchical";
  /** Of waiting for messages on their way: those of several buckets run at once. */
  readonly latencyMs: number;
  /** Of bytes on the busiest link: those of several buckets queue up. */
  readonly transferMs: number;
}

/**
 * The time of an all-reduce of `bytes` bytes by the fastest algorithm, in the
 * alpha-beta model (Thakur, Rabenseifner, Gropp 2005): a message of b bytes takes
 * alpha + b / rate, and what shares a link waits for it.
 *
 * @param inFlight All-reduces on their way together, which share the waiting.
 */
export function allReduceTime(
  bytes: number,
  world: World,
  inFlight = 1,
): AllReduceTime {
  const { ranks, ranksPerNode } = world;
  if (ranks === 1) return { algorithm: "none", latencyMs: 0, transferMs: 0 };
  const flat = { ...world, link: linkOf(world) };
  const candidates = [ring(bytes, flat), tree(bytes, flat)];
  if (ranksPerNode > 1 && ranks % ranksPerNode === 0 && ranks > ranksPerNode) {
    candidates.push(hierarchical(bytes, world));
  }
  const cost = ({ latencyMs, transferMs }: AllReduceTime) =>
    transferMs + latencyMs / inFlight;
  return candidates.reduce((a, b) => cost(a) <= cost(b) ? a : b);
}

/**
 * Milliseconds until every rank has the `bytes` bytes of every other: log2 n
 * messages (Bruck et al. 1997) that carry what all others gave.
 */
export function allGatherTime(bytes: number, world: World): number {
  const { ranks, transport } = world;
  if (ranks === 1) return 0;
  const { alphaMs, bytesPerMs } = linkOf(world);
  const streams = transport === "central" ? ranks : 1;
  return Math.ceil(Math.log2(ranks)) * alphaMs +
    (ranks - 1) * streams * bytes / bytesPerMs;
}

/** What ranks that follow each other node by node wait for. */
function linkOf({ ranks, ranksPerNode, link, local }: World): LinkRate {
  return ranks <= ranksPerNode ? local : link;
}

/**
 * 2 (n - 1) steps of a chunk each. Ranks follow each other node by node, so one
 * stream enters and one leaves a node; one server for all carries every stream.
 */
function ring(
  bytes: number,
  { ranks, transport, link }: World,
): AllReduceTime {
  const steps = 2 * (ranks - 1);
  const streams = transport === "central" ? ranks : 1;
  return {
    algorithm: "ring",
    latencyMs: steps * link.alphaMs,
    transferMs: steps * streams * bytes / ranks / link.bytesPerMs,
  };
}

/** Reduced to the root and handed out again: a whole message a level. */
function tree(
  bytes: number,
  { ranks, transport, link }: World,
): AllReduceTime {
  const levels = 2 * Math.ceil(Math.log2(ranks));
  // On the widest level half of the ranks send at once.
  const streams = transport === "central" ? Math.max(1, ranks / 2) : 1;
  return {
    algorithm: "tree",
    latencyMs: levels * link.alphaMs,
    transferMs: levels * streams * bytes / link.bytesPerMs,
  };
}

/** Ring within a node, rings of equal places over the nodes, ring within again. */
function hierarchical(bytes: number, world: World): AllReduceTime {
  const { ranks, ranksPerNode, local, link, transport } = world;
  const nodes = ranks / ranksPerNode;
  const within = 2 * (ranksPerNode - 1);
  const between = 2 * (nodes - 1);
  // All ranks of a node send at once through its network.
  const streams = transport === "central" ? nodes : 1;
  return {
    algorithm: "hierarchical",
    latencyMs: within * local.alphaMs + between * link.alphaMs,
    transferMs: within * bytes / ranksPerNode / local.bytesPerMs +
      between * streams * bytes / nodes / link.bytesPerMs,
  };
}
