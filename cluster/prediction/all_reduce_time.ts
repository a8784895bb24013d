import type { LinkRate, Transport } from "./link_rate.ts";

/** A world as the time of its collectives depends on it. */
export interface World {
  readonly ranks: number;
  readonly transport: Transport;
  readonly link: LinkRate;
  /** Ranks of a node, which share its network; 1: each has its own. */
  readonly ranksPerNode: number;
  /** Between ranks of one node: with one server for all, what that moves. */
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
  const { ranks, ranksPerNode, transport } = world;
  if (ranks === 1) return { algorithm: "none", latencyMs: 0, transferMs: 0 };
  const flat = { ...world, link: linkOf(world) };
  const candidates = [ring(bytes, flat), tree(bytes, flat)];
  // Through one server for all, a message within another node leaves it twice.
  const saves = transport !== "central" && ranksPerNode > 1;
  if (saves && ranks % ranksPerNode === 0 && ranks > ranksPerNode) {
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
  const { ranks } = world;
  if (ranks === 1) return 0;
  const flat = { ...world, link: linkOf(world) };
  return Math.ceil(Math.log2(ranks)) * flat.link.alphaMs +
    (ranks - 1) * bytes * msPerByte(flat, ranks);
}

/**
 * Of messages of `senders` ranks that are on their way at once. Ranks follow each
 * other node by node, so one stream enters and one leaves a node. One server for all
 * carries every stream, but only those of other nodes through the network of its own,
 * which is that of the first ranks.
 */
function msPerByte(
  { ranks, transport, ranksPerNode, link, local }: World,
  senders: number,
): number {
  if (transport !== "central") return 1 / link.bytesPerMs;
  const outside = senders * Math.max(0, ranks - ranksPerNode) / ranks;
  return Math.max(senders / local.bytesPerMs, outside / link.bytesPerMs);
}

/** What ranks that follow each other node by node wait for. */
function linkOf({ ranks, ranksPerNode, link, local }: World): LinkRate {
  return ranks <= ranksPerNode ? local : link;
}

/** 2 (n - 1) steps of a chunk each, from all ranks at once. */
function ring(bytes: number, world: World): AllReduceTime {
  const { ranks, link } = world;
  const steps = 2 * (ranks - 1);
  return {
    algorithm: "ring",
    latencyMs: steps * link.alphaMs,
    transferMs: steps * bytes / ranks * msPerByte(world, ranks),
  };
}

/** Reduced to the root and handed out again: a whole message a level. */
function tree(bytes: number, world: World): AllReduceTime {
  const { ranks, link } = world;
  const levels = 2 * Math.ceil(Math.log2(ranks));
  // On the widest level half of the ranks send at once.
  const senders = Math.max(1, ranks / 2);
  return {
    algorithm: "tree",
    latencyMs: levels * link.alphaMs,
    transferMs: levels * bytes * msPerByte(world, senders),
  };
}

/**
 * Ring within a node, rings of equal places over the nodes, ring within again. All
 * ranks of a node send at once through its network.
 */
function hierarchical(bytes: number, world: World): AllReduceTime {
  const { ranks, ranksPerNode, local, link } = world;
  const nodes = ranks / ranksPerNode;
  const within = 2 * (ranksPerNode - 1);
  const between = 2 * (nodes - 1);
  return {
    algorithm: "hierarchical",
    latencyMs: within * local.alphaMs + between * link.alphaMs,
    transferMs: within * bytes / ranksPerNode / local.bytesPerMs +
      between * bytes / nodes / link.bytesPerMs,
  };
}
