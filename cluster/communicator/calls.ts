import type { Call } from "./call.ts";
import {
  barrier,
  bruckAllGather,
  chainBroadcast,
  linearGather,
  linearGatherBytes,
  linearScatterBytes,
  offsetsOf,
  pairwiseAllToAll,
  pairwiseAllToAllBytes,
  ringAllGather,
  treeBroadcast,
  treeBroadcastBytes,
} from "./collectives/mod.ts";
import {
  copyTo,
  describeArray,
  overlap,
  part,
  type TypedArray,
} from "./elements.ts";
import { type Port, subPort } from "./port.ts";
import { type Algorithm, selectDivided, selectRooted } from "./selection.ts";

/** A call without what only its caller knows. */
type Plain<T> = Omit<Call<T>, "signal">;
interface Wish {
  algorithm: Algorithm;
}

function everyone({ size }: Port): number[] {
  return Array.from({ length: size }, (_, rank) => rank);
}

function allGatherInto(
  port: Port,
  values: TypedArray,
  offsets: readonly number[],
  { algorithm }: Wish,
): Promise<void> {
  const how = selectDivided({
    wished: algorithm,
    bytes: values.byteLength,
    commutative: true,
  });
  return how === "ring"
    ? ringAllGather(port, values, offsets)
    : bruckAllGather(port, values, offsets);
}

function evenly(length: number, size: number): number[] {
  return Array.from({ length: size + 1 }, (_, rank) => rank * length / size);
}

/**
 * The data-moving collectives as calls: their names, what must be equal on all
 * ranks, the memory in use, and the algorithm for the size.
 */
export const calls = {
  barrier(): Plain<void> {
    return { name: "barrier", details: "", memory: [], algorithm: barrier };
  },

  broadcast(
    values: TypedArray,
    root: number,
    { algorithm }: Wish,
  ): Plain<void> {
    const how = selectRooted({ wished: algorithm, bytes: values.byteLength });
    return {
      name: "broadcast",
      details: `${describeArray(values)} from rank ${root} by ${how}`,
      memory: [values],
      algorithm: (port) =>
        how === "tree"
          ? treeBroadcast(port, values, root)
          : chainBroadcast(port, values, root),
    };
  },

  broadcastBytes(
    bytes: Uint8Array | undefined,
    root: number,
  ): Plain<Uint8Array> {
    return {
      name: "broadcast",
      details: `a value from rank ${root}`,
      memory: [],
      algorithm: (port) => treeBroadcastBytes(port, bytes, root),
    };
  },

  scatterBytes(
    parts: readonly Uint8Array[] | undefined,
    root: number,
  ): Plain<Uint8Array> {
    return {
      name: "scatter",
      details: `parts from rank ${root}`,
      memory: [],
      algorithm: (port) => linearScatterBytes(port, parts, root),
    };
  },

  gather(
    values: TypedArray,
    into: TypedArray | undefined,
    root: number,
    size: number,
  ): Plain<void> {
    return {
      name: "gather",
      details: `${describeArray(values)} to rank ${root}`,
      memory: into === undefined ? [values] : [values, into],
      algorithm: (port) =>
        linearGather(port, values, {
          into,
          root,
          offsets: evenly(values.length * size, size),
        }),
    };
  },

  gatherBytes(
    name: string,
    what: string,
    bytes: Uint8Array,
    root: number,
  ): Plain<Uint8Array[] | undefined> {
    return {
      name,
      details: `${what} to rank ${root}`,
      memory: [bytes],
      algorithm: (port) => linearGatherBytes(port, bytes, root),
    };
  },

  allGather(values: TypedArray, into: TypedArray, wish: Wish): Plain<void> {
    return {
      name: "all-gather",
      details: describeArray(values),
      memory: [values, into],
      async algorithm(port) {
        const { rank, size } = port;
        const own = part(
          into,
          rank * values.length,
          (rank + 1) * values.length,
        );
        copyTo(own, values);
        await allGatherInto(port, into, evenly(into.length, size), wish);
      },
    };
  },

  /** Parts that each rank has written into `values` already. */
  allGatherParts(
    values: TypedArray,
    offsets: readonly number[],
    wish: Wish,
  ): Plain<void> {
    return {
      name: "all-gather",
      details: `${describeArray(values)} in ${offsets.length - 1} parts`,
      memory: [values],
      algorithm: (port) => allGatherInto(port, values, offsets, wish),
    };
  },

  /** Bytes whose number differs over the ranks: first their lengths, then they. */
  allGatherBytes(
    what: string,
    bytes: Uint8Array,
    wish: Wish,
  ): Plain<Uint8Array[]> {
    return {
      name: "all-gather",
      details: `${what} of any length`,
      memory: [bytes],
      async algorithm(port) {
        const { rank, size } = port;
        const lengths = new Uint32Array(size);
        lengths[rank] = bytes.length;
        const ones = evenly(size, size);
        await bruckAllGather(subPort(port, everyone(port), 1), lengths, ones);
        // Parts begin at multiples of 8, so that they can be seen as elements.
        const offsets = offsetsOf(
          [...lengths].map((n) => Math.ceil(n / 8) * 8),
        );
        const all = new Uint8Array(offsets.at(-1)!);
        all.set(bytes, offsets[rank]);
        await allGatherInto(port, all, offsets, wish);
        return Array.from(
          lengths,
          (length, r) => all.subarray(offsets[r], offsets[r]! + length),
        );
      },
    };
  },

  allToAll<T extends TypedArray>(
    values: T,
    into: T,
    size: number,
  ): Plain<void> {
    return {
      name: "all-to-all",
      details: describeArray(values),
      memory: [values, into],
      async algorithm(port) {
        let source = values;
        if (overlap(values, into)) {
          source = port.scratch(values, values.length);
          copyTo(source, values);
        }
        const offsets = evenly(values.length, size);
        await pairwiseAllToAll(port, source, into, offsets);
      },
    };
  },

  allToAllBytes(
    what: string,
    parts: readonly Uint8Array[],
  ): Plain<Uint8Array[]> {
    return {
      name: "all-to-all",
      details: `${what} of any length`,
      memory: parts,
      algorithm: (port) => pairwiseAllToAllBytes(port, parts),
    };
  },
};
