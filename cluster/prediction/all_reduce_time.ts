import {
  type Algorithm,
  segmentBytesFor,
  selectAllReduce,
  TREE_SIZES,
} from "../communicator/mod.ts";
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
  /** What ranks are told to use; `auto` by default: they choose by size and world. */
  readonly collectives?: Algorithm;
}

/** An algorithm of all-reduce with what it takes. */
export interface AllReduceTime {
  readonly algorithm: "none" | Exclude<Algorithm, "auto">;
  /** Of waiting for messages on their way: those of several buckets run at once. */
  readonly latencyMs: number;
  /** Of bytes on the busiest link: those of several buckets queue up. */
  readonly transferMs: number;
}

/**
 * The time of an all-reduce of `bytes` bytes in the alpha-beta model (Thakur,
 * Rabenseifner, Gropp 2005): a message of b bytes takes alpha + b / rate, and what
 * shares a link waits for it. By the algorithm that ranks take.
 */
export function allReduceTime(bytes: number, world: World): AllReduceTime {
  const { ranks, ranksPerNode, collectives = "auto" } = world;
  if (ranks === 1) return { algorithm: "none", latencyMs: 0, transferMs: 0 };
  const nodes = Array.from(
    { length: ranks },
    (_, rank) => Math.floor(rank / ranksPerNode),
  );
  const choose = (bytes: number, treeBytes: number) => {
    const algorithm = selectAllReduce({
      wished: collectives,
      bytes,
      nodes,
      treeBytes,
      commutative: true,
    });
    return TIMES[algorithm](bytes, world, treeBytes);
  };
  // Up to which size it is not the ring, ranks measure before their first run.
  let treeBytes = 0;
  for (const size of TREE_SIZES) {
    const [small, large] = [choose(size, size), choose(size, 0)];
    if (durationOf(large) < durationOf(small)) break;
    treeBytes = size;
  }
  return choose(bytes, treeBytes);
}

function durationOf({ latencyMs, transferMs }: AllReduceTime): number {
  return latencyMs + transferMs;
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
  const { ranks } = world;
  const link = linkOf(world);
  const steps = 2 * (ranks - 1);
  return {
    algorithm: "ring",
    latencyMs: steps * link.alphaMs,
    transferMs: steps * bytes / ranks * msPerByte({ ...world, link }, ranks),
  };
}

/**
 * Recursive doubling: the whole array to a partner twice as far away in each round.
 * What is no power of two pairs up before and after. Several nodes of several ranks
 * go node by node instead.
 */
function tree(bytes: number, world: World): AllReduceTime {
  const { ranks } = world;
  const link = linkOf(world);
  const doublings = Math.floor(Math.log2(ranks));
  const rounds = doublings + (ranks === 2 ** doublings ? 0 : 2);
  return {
    algorithm: "tree",
    latencyMs: rounds * link.alphaMs,
    transferMs: bytes * rounds * msPerByte({ ...world, link }, ranks),
  };
}

/** To the first rank of each node level by level, a tree or ring of these, and back. */
function hierarchical(
  bytes: number,
  world: World,
  treeBytes: number,
): AllReduceTime {
  const { ranks, ranksPerNode, transport, local } = world;
  const leaders = Math.ceil(ranks / ranksPerNode);
  const between = (bytes <= treeBytes ? tree : ring)(
    bytes,
    { ...world, ranks: leaders, ranksPerNode: 1 },
  );
  const levels = 2 * Math.ceil(Math.log2(ranksPerNode));
  // On the widest level half of the ranks send at once.
  const within = transport === "central"
    ? msPerByte(world, ranks / 2)
    : 1 / local.bytesPerMs;
  return {
    algorithm: "hierarchical",
    latencyMs: levels * local.alphaMs + between.latencyMs,
    transferMs: levels * bytes * within + between.transferMs,
  };
}

const NO_LIMITS = { maxPayload: Infinity, usefulPayload: () => Infinity };

/** From rank to rank to the last one and back, each segment passed on as it comes. */
function chain(bytes: number, world: World): AllReduceTime {
  const { ranks } = world;
  const link = linkOf(world);
  const hops = 2 * (ranks - 1);
  const segment = Math.min(bytes, segmentBytesFor(bytes, NO_LIMITS));
  const perByte = msPerByte({ ...world, link }, ranks);
  return {
    algorithm: "chain",
    // The first segment passes all hops before the last one does.
    latencyMs: hops * link.alphaMs + (hops - 2) * segment * perByte,
    // Those between the ends send the array on and the result back.
    transferMs: 2 * bytes * perByte,
  };
}

/** All arrays to the first rank, which they enter one after the other; then a tree. */
function gather(bytes: number, world: World): AllReduceTime {
  const { ranks } = world;
  const link = linkOf(world);
  const rounds = Math.ceil(Math.log2(ranks));
  return {
    algorithm: "gather",
    latencyMs: (1 + rounds) * link.alphaMs,
    transferMs: (ranks - 1 + rounds) * bytes * msPerByte({ ...world, link }, 1),
  };
}

const TIMES = { ring, tree, hierarchical, chain, gather };
