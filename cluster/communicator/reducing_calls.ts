import type { Call } from "./call.ts";
import {
  blockAllReduce,
  chainAllReduce,
  chainScan,
  gatherAllReduce,
  hierarchicalAllReduce,
  linearGatherBytes,
  pairwiseReduceScatter,
  ringAllReduce,
  ringReduceScatter,
  treeAllReduce,
  treeBroadcastBytes,
  treeReduce,
} from "./collectives/mod.ts";
import { copyTo, describeArray, overlap, type TypedArray } from "./elements.ts";
import { type Port, subPort } from "./port.ts";
import type { Reduction } from "./reductions.ts";
import {
  type Algorithm,
  selectAllReduce,
  selectDivided,
  selectRooted,
  TREE_BYTES,
} from "./selection.ts";

type Plain<T> = Omit<Call<T>, "signal">;

interface Wish {
  algorithm: Algorithm;
  nodes: readonly number[];
  treeBytes?: number | undefined;
}

/** Copies the input to where the result will be. */
function prepare(values: TypedArray, into: TypedArray): void {
  if (values !== into) copyTo(into, values);
}

/** Changes the result, once nobody reads what was sent from its memory. */
async function finish(
  port: Port,
  into: TypedArray,
  reduction: Reduction,
  count: number,
): Promise<void> {
  if (reduction.finish === undefined) return;
  await port.sent();
  reduction.finish(into, count);
}

const IN_PLACE = {
  ring: ringAllReduce,
  tree: treeAllReduce,
  gather: gatherAllReduce,
} as const;

/** The reducing collectives as calls. */
export const reducingCalls = {
  allReduce(
    values: TypedArray,
    into: TypedArray,
    reduction: Reduction,
    { algorithm, nodes, treeBytes = TREE_BYTES }: Wish,
  ): Plain<void> {
    const how = selectAllReduce({
      wished: algorithm,
      bytes: values.byteLength,
      nodes,
      treeBytes,
      commutative: reduction.commutative,
    });
    if (how === "chain") {
      return reducingCalls.allReduceShards([values], into, reduction);
    }
    return {
      name: "all-reduce",
      details: `${reduction.name} ${describeArray(values)} by ${how}`,
      memory: [values, into],
      async algorithm(port) {
        prepare(values, into);
        if (how === "hierarchical") {
          await hierarchicalAllReduce(port, into, reduction, treeBytes);
        } else await IN_PLACE[how](port, into, reduction);
        await finish(port, into, reduction, port.size);
      },
    };
  },

  /** All shards of all ranks in their order: the same bits for any division. */
  allReduceShards(
    shards: readonly TypedArray[],
    into: TypedArray,
    reduction: Reduction,
  ): Plain<void> {
    const first = describeArray(shards[0]!);
    const count = shards.length === 1 ? "" : ` in ${shards.length} shards each`;
    return {
      name: "all-reduce",
      details: `${reduction.name} ${first}${count} by chain`,
      memory: [...shards, into],
      async algorithm(port) {
        const apart = shards.map((shard, i) => {
          const isOwn = i === 0 && shard.byteOffset === into.byteOffset;
          if (isOwn || !overlap(shard, into)) return shard;
          const copy = port.scratch(shard, shard.length);
          copyTo(copy, shard);
          return copy;
        });
        await chainAllReduce(port, { shards: apart, into, reduction });
        await finish(port, into, reduction, port.size * shards.length);
      },
    };
  },

  /** Sums of blocks of 8-bit values; there is one way. */
  allReduceBlocks(blocks: Uint32Array, carry: Float32Array): Plain<void> {
    return {
      name: "all-reduce",
      details: `sum ${describeArray(blocks)} in blocks`,
      memory: [blocks, carry],
      algorithm: (port) => blockAllReduce(port, blocks, carry),
    };
  },

  reduce(
    values: TypedArray,
    /** Only on the root. */
    into: TypedArray | undefined,
    reduction: Reduction,
    { root, algorithm }: { root: number; algorithm: Algorithm },
  ): Plain<void> {
    const how = selectRooted({ wished: algorithm, bytes: values.byteLength });
    return {
      name: "reduce",
      details: `${reduction.name} ${
        describeArray(values)
      } to rank ${root} by ${how}`,
      memory: into === undefined ? [values] : [values, into],
      async algorithm(port) {
        const { rank, size } = port;
        // What others give must stay as it is for their callers.
        const sum = port.scratch(values, values.length);
        copyTo(sum, values);
        if (how === "tree") await treeReduce(port, sum, reduction);
        else await chainScan(port, sum, reduction);
        const holder = how === "tree" ? 0 : size - 1;
        if (rank === root) {
          if (holder === root) copyTo(into!, sum);
          else await port.receive(holder, HANDED_ON, into!);
          reduction.finish?.(into!, size);
        } else if (rank === holder) port.send(root, HANDED_ON, sum);
      },
    };
  },

  reduceScatter<T extends TypedArray>(
    values: T,
    into: T,
    reduction: Reduction,
    { offsets, algorithm }: {
      offsets: readonly number[];
      algorithm: Algorithm;
    },
  ): Plain<void> {
    const how = selectDivided({
      wished: algorithm,
      bytes: values.byteLength,
      commutative: reduction.commutative,
    });
    const parts = offsets.slice(1).map((end, i) => end - offsets[i]!);
    return {
      name: "reduce-scatter",
      details: `${reduction.name} ${describeArray(values)} in ${
        parts.join("+")
      } by ${how}`,
      memory: [values, into],
      async algorithm(port) {
        let source = values;
        if (how === "ring" || overlap(values, into)) {
          source = port.scratch(values, values.length);
          copyTo(source, values);
        }
        const args = { values: source, into, offsets, reduction };
        if (how === "ring") await ringReduceScatter(port, args);
        else await pairwiseReduceScatter(port, args);
        reduction.finish?.(into, port.size);
      },
    };
  },

  scan(
    values: TypedArray,
    into: TypedArray,
    reduction: Reduction,
  ): Plain<void> {
    return {
      name: "scan",
      details: `${reduction.name} ${describeArray(values)}`,
      memory: [values, into],
      async algorithm(port) {
        prepare(values, into);
        await chainScan(port, into, reduction);
      },
    };
  },

  /** JSON values, combined in the order of the ranks on rank 0. */
  allReduceValues(
    name: string,
    bytes: Uint8Array,
    combine: (all: readonly Uint8Array[]) => Uint8Array,
  ): Plain<Uint8Array> {
    return {
      name: "all-reduce",
      details: `${name} values`,
      memory: [],
      async algorithm(port) {
        const all = await linearGatherBytes(port, bytes, 0);
        const result = all === undefined ? undefined : combine(all);
        return await treeBroadcastBytes(later(port), result, 0);
      },
    };
  },
};

const HANDED_ON = 1 << 19;

/** The same ranks in a second part of a call. */
function later(port: Port): Port {
  const everyone = Array.from({ length: port.size }, (_, rank) => rank);
  return subPort(port, everyone, 1);
}
