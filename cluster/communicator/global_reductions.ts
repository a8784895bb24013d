import { evenOffsets, offsetsOf } from "./collectives/mod.ts";
import {
  DataMovement,
  type IntoOptions,
  type RootOptions,
} from "./data_movement.ts";
import {
  allocateLike,
  isTypedArray,
  type Json,
  type TypedArray,
  typeOf,
} from "./elements.ts";
import type { CallOptions } from "./group.ts";
import { decodeJson, encodeJson } from "./packing.ts";
import { reducingCalls } from "./reducing_calls.ts";
import {
  type ReduceOp,
  type Reduction,
  reductionOf,
  type UserOp,
} from "./reductions.ts";

/** An operation by name, or a function of two elements or values. */
export type Op =
  | ReduceOp
  // deno-lint-ignore no-explicit-any
  | UserOp<any>
  // deno-lint-ignore no-explicit-any
  | ((lower: any, upper: any) => any);

/** Options of collectives that combine data. */
export interface ReduceOptions<T> extends CallOptions, IntoOptions<T> {
  /** `sum` by default. */
  op?: Op;
}

/**
 * Collectives that combine data (MPI 4.1, sections 6.9 to 6.12): arrays element
 * by element, numbers, or JSON values with a function.
 *
 * Whatever the timing, all ranks get the same bits. Sums are rounded to the type
 * of the elements at each addition; whole numbers wrap.
 */
export class GlobalReductions extends DataMovement {
  /**
   * Combines over all ranks, for all ranks (`MPI_Allreduce`). An array is
   * overwritten with the result, unless `into` is given.
   *
   * `reproducible` combines strictly in the order of the ranks, for the same bits
   * as {@linkcode allReduceShards} with one shard a rank.
   *
   * @example
   * ```ts
   * import { runRanks } from "@signet/signet";
   * import { deepStrictEqual, strictEqual } from "node:assert";
   *
   * await runRanks(3, async (comm) => {
   *   const gradients = Float32Array.of(comm.rank, 1);
   *   await comm.allReduce(gradients, { op: "mean" });
   *   deepStrictEqual([...gradients], [1, 1]);
   *   strictEqual(await comm.allReduce(comm.rank, { op: "max" }), 2);
   *   const longest = await comm.allReduce("x".repeat(comm.rank), {
   *     op: (a: string, b: string) => a.length > b.length ? a : b,
   *   });
   *   strictEqual(longest, "xx");
   * });
   * ```
   *
   * @throws {TypeError} If the operation does not fit the elements.
   */
  async allReduce<T extends TypedArray | Json>(
    data: T,
    { op = "sum", into = data, reproducible = false, ...options }:
      & ReduceOptions<T>
      & { reproducible?: boolean } = {},
  ): Promise<T> {
    if (isTypedArray(data)) {
      const reduction = reductionOf(op, typeOf(data));
      const target = fit(data, into as TypedArray, data.length);
      const call = reproducible
        ? reducingCalls.allReduceShards([data], target, reduction)
        : reducingCalls.allReduce(data, target, reduction, {
          algorithm: this.parts.algorithm,
          nodes: this.parts.context.nodes,
          treeBytes: this.parts.exchange.treeBytes,
        });
      await this.call(call, options);
      return into;
    }
    if (typeof data === "number") {
      const one = Float64Array.of(data);
      await this.allReduce(one, { op, reproducible, ...options });
      return one[0] as T;
    }
    const { name, combine } = userFunction(op);
    const call = reducingCalls.allReduceValues(
      name,
      encodeJson(data),
      (all) => encodeJson(all.map(decodeJson).reduce((a, b) => combine(a, b))),
    );
    return decodeJson(await this.call(call, options)) as T;
  }

  /**
   * Combines the shards of all ranks, strictly one after the other in the order
   * of the ranks, into `into` (by default the first shard) on all ranks. With a
   * fixed number of shards in total, every number of ranks that divides it gives
   * the same bits. `mean` divides by the number of shards.
   *
   * @throws {RangeError} If there is no shard or their lengths differ.
   */
  async allReduceShards<T extends TypedArray>(
    shards: readonly T[],
    { op = "sum", into, ...options }: ReduceOptions<T> = {},
  ): Promise<T> {
    const first = shards[0];
    if (first === undefined) {
      throw new RangeError("Cannot reduce no shards: each rank needs one");
    }
    for (const shard of shards) fit(first, shard, first.length);
    const target = fit(first, into ?? first, first.length);
    const reduction = reductionOf(op, typeOf(first));
    const call = reducingCalls.allReduceShards(shards, target, reduction);
    await this.call(call, options);
    return target;
  }

  /**
   * Combines over all ranks, for the root alone (`MPI_Reduce`): in place there,
   * unless `into` is given. Elsewhere the input stays and the result is
   * `undefined`.
   */
  async reduce<T extends TypedArray>(
    data: T,
    { op = "sum", into = data, root = 0, ...options }:
      & ReduceOptions<T>
      & RootOptions = {},
  ): Promise<T | undefined> {
    this.checkRank("reduce to", root);
    const target = this.rank === root
      ? fit(data, into, data.length)
      : undefined;
    const call = reducingCalls.reduce(data, target, this.#reduction(op, data), {
      root,
      algorithm: this.parts.algorithm,
    });
    await this.call(call, options);
    return target;
  }

  /**
   * Combines over all ranks and leaves part r to rank r
   * (`MPI_Reduce_scatter`). The parts are as even as can be
   * (`floor(r · length / size)` is where part r begins), or have the lengths
   * `counts`. The input stays.
   *
   * @throws {RangeError} If `counts` does not divide the array.
   */
  async reduceScatter<T extends TypedArray>(
    data: T,
    { op = "sum", into, counts, ...options }:
      & ReduceOptions<T>
      & { counts?: readonly number[] } = {},
  ): Promise<T> {
    const offsets = counts === undefined
      ? evenOffsets(data.length, this.size)
      : offsetsOf(counts);
    if (
      offsets.length !== this.size + 1 || offsets.at(-1) !== data.length ||
      counts?.some((count) => !Number.isInteger(count) || count < 0)
    ) {
      throw new RangeError(
        `Cannot scatter ${data.length} elements in parts of ${
          counts?.slice(0, 16).join(", ")
        } over ${this.size} ranks`,
      );
    }
    const length = offsets[this.rank + 1]! - offsets[this.rank]!;
    const target = fit(data, into ?? allocateLike(data, length), length);
    await this.call(
      reducingCalls.reduceScatter(data, target, this.#reduction(op, data), {
        offsets,
        algorithm: this.parts.algorithm,
      }),
      options,
    );
    return target;
  }

  /**
   * The combination of the ranks from 0 up to this one (`MPI_Scan`), in place
   * unless `into` is given.
   *
   * @throws {TypeError} For `mean`, which is no running combination.
   */
  async scan<T extends TypedArray>(
    data: T,
    { op = "sum", into = data, ...options }: ReduceOptions<T> = {},
  ): Promise<T> {
    if (op === "mean") throw new TypeError('Cannot scan with "mean"');
    const target = fit(data, into, data.length);
    const call = reducingCalls.scan(data, target, this.#reduction(op, data));
    await this.call(call, options);
    return target;
  }

  #reduction(op: Op, data: TypedArray): Reduction {
    return reductionOf(op, typeOf(data));
  }
}

function userFunction(op: Op) {
  if (typeof op === "function") {
    return { name: op.name || "a user function", combine: op };
  }
  if (typeof op === "object") {
    return { name: op.name ?? "a user function", combine: op.combine };
  }
  throw new TypeError(
    `Cannot reduce JSON values with "${op}": a function is needed`,
  );
}

function fit<T extends TypedArray>(
  like: TypedArray,
  into: T,
  length: number,
): T {
  if (typeOf(into) === typeOf(like) && into.length === length) return into;
  throw new RangeError(
    `Cannot reduce ${typeOf(like)}[${length}] into ${
      typeOf(into)
    }[${into.length}]`,
  );
}
