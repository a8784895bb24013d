/** Names of {@linkcode Algorithm}. */
export const ALGORITHMS = [
  "auto",
  "ring",
  "tree",
  "gather",
  "chain",
  "hierarchical",
] as const;
/** How collectives are carried out; `auto` decides by size and world. */
export type Algorithm = typeof ALGORITHMS[number];

export interface Situation {
  /** Algorithm that is wished. */
  wished: Algorithm;
  bytes: number;
  nodes: readonly number[];
  /** Up to here few hops are faster than the ring, in bytes. */
  treeBytes: number;
  /** Whether operands may change places. */
  commutative: boolean;
}

/**
 * Up to here a hop costs more than sending everything along it, in bytes. With 2
 * and 4 ranks over one NATS server the tree took half the time of the ring at 1
 * and 16 KB and as long at 256 KB.
 */
export const TREE_BYTES = 64 * 1024;

/** All-reduce: the only one that has all algorithms. */
export function selectAllReduce(
  { wished, bytes, nodes, treeBytes, commutative }: Situation,
): Exclude<Algorithm, "auto"> {
  if (wished !== "auto") {
    const reorders = wished === "ring" ||
      (wished === "hierarchical" && !isContiguous(nodes));
    return reorders && !commutative ? "chain" : wished;
  }
  if (bytes > treeBytes) return commutative ? "ring" : "chain";
  // Hops between machines are dear, but a ring passes each of them once anyway.
  return hasHierarchy(nodes) && commutative ? "hierarchical" : "tree";
}

/** Broadcast and reduce: along a tree or a chain. */
export function selectRooted(
  { wished, bytes }: Pick<Situation, "wished" | "bytes">,
): "tree" | "chain" {
  if (wished === "ring" || wished === "chain") return "chain";
  return wished === "auto" && bytes > TREE_BYTES ? "chain" : "tree";
}

/** All-gather and reduce-scatter: around the ring or directly, in few hops. */
export function selectDivided(
  { wished, bytes, commutative }: Omit<Situation, "nodes" | "treeBytes">,
): "ring" | "direct" {
  if (!commutative) return "direct";
  if (wished === "ring" || wished === "chain") return "ring";
  return wished === "auto" && bytes > TREE_BYTES ? "ring" : "direct";
}

/** More than one machine, and one that holds several ranks. */
function hasHierarchy(nodes: readonly number[]): boolean {
  const machines = new Set(nodes).size;
  return machines > 1 && machines < nodes.length;
}

function isContiguous(nodes: readonly number[]): boolean {
  return nodes.every((node, rank) =>
    rank === 0 || node === nodes[rank - 1] ||
    !nodes.slice(0, rank).includes(node)
  );
}
