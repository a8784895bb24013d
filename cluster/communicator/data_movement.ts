import { calls } from "./calls.ts";
import {
  divideEvenly,
  partPerRank,
  refuseOtherArrays,
  resultFor,
} from "./arguments.ts";
import {
  bytesOf,
  isTypedArray,
  type Json,
  type TypedArray,
  typeOf,
  viewAs,
} from "./elements.ts";
import type { CallOptions } from "./group.ts";
import { decodeJson, encodeJson, pack, unpack } from "./packing.ts";
import { PointToPoint } from "./point_to_point.ts";

/** Options of collectives with a root. */
export interface RootOptions extends CallOptions {
  /** Rank that gives or gets; 0 by default. */
  root?: number;
}

/** Options of collectives with an array as result. */
export interface IntoOptions<T> {
  /** Memory for the result; left out, new memory. May be the input's own. */
  into?: T;
}

/**
 * Collectives that move data (MPI 4.1, sections 6.3 to 6.8). All ranks make the
 * same calls in the same order; lengths are in elements and errors name the
 * ranks whose calls differ.
 */
export class DataMovement extends PointToPoint {
  /** Resolves when every rank has called it (`MPI_Barrier`). */
  async barrier(options: CallOptions = {}): Promise<void> {
    await this.call(calls.barrier(), options);
  }

  /**
   * The root's array, written into everybody's array of the same length, or the
   * root's JSON value (`MPI_Bcast`). Ranks other than the root pass `undefined`
   * for a value.
   */
  async broadcast<T extends TypedArray | Json>(
    data: T | undefined,
    { root = 0, ...options }: RootOptions = {},
  ): Promise<T> {
    this.checkRank("broadcast from", root);
    if (isTypedArray(data)) {
      await this.call(calls.broadcast(data, root, this.parts), options);
      return data;
    }
    refuseOtherArrays(data);
    const text = this.rank === root ? encodeJson(data) : undefined;
    const call = calls.broadcastBytes(text, root);
    return decodeJson(await this.call(call, options)) as T;
  }

  /**
   * Divides the root's array evenly, rank r gets part r (`MPI_Scatter`); or one
   * JSON value each from the root's list. Others pass `undefined`.
   *
   * @throws {RangeError} If the length is no multiple of the number of ranks.
   */
  async scatter<T extends TypedArray | Json>(
    data: T | readonly T[] | undefined,
    { root = 0, into, ...options }: RootOptions & IntoOptions<T> = {},
  ): Promise<T> {
    this.checkRank("scatter from", root);
    let parts: (TypedArray | Json)[] | undefined;
    if (this.rank === root) {
      parts = isTypedArray(data)
        ? divideEvenly(data, this.size, "scatter")
        : partPerRank(data as readonly Json[], this.size, "scatter");
    }
    return await this.#scatterParts<T>(parts, into, root, options);
  }

  /** Rank r gets part r of the root's list of arrays, of any lengths (`MPI_Scatterv`). */
  async scatterv<T extends TypedArray>(
    parts: readonly T[] | undefined,
    { root = 0, into, ...options }: RootOptions & IntoOptions<T> = {},
  ): Promise<T> {
    this.checkRank("scatter from", root);
    const given = this.rank === root
      ? partPerRank(parts, this.size, "scatterv")
      : undefined;
    return await this.#scatterParts<T>(given, into, root, options);
  }

  /**
   * Everybody's array of one length, one after the other, at the root; or the
   * list of everybody's JSON values (`MPI_Gather`). `undefined` elsewhere.
   *
   * @example
   * ```ts
   * import { runRanks } from "@signet/signet";
   * import { deepStrictEqual } from "node:assert";
   *
   * const [atRoot, elsewhere] = await runRanks(2, async (comm) => {
   *   const own = await comm.scatter<Float64Array>(
   *     comm.rank === 0 ? Float64Array.of(1, 2, 3, 4) : undefined,
   *   );
   *   return await comm.gather(own.map((x) => x * x));
   * });
   * deepStrictEqual([...atRoot!], [1, 4, 9, 16]);
   * deepStrictEqual(elsewhere, undefined);
   * ```
   */
  async gather<T extends TypedArray>(
    data: T,
    options?: RootOptions & IntoOptions<T>,
  ): Promise<T | undefined>;
  async gather<T extends Json>(
    data: T,
    options?: RootOptions,
  ): Promise<T[] | undefined>;
  async gather(
    data: TypedArray | Json,
    { root = 0, into, ...options }: RootOptions & IntoOptions<TypedArray> = {},
  ): Promise<unknown> {
    this.checkRank("gather to", root);
    if (isTypedArray(data)) {
      const target = this.rank === root
        ? resultFor(data, into, data.length * this.size, "gather")
        : undefined;
      await this.call(calls.gather(data, target, root, this.size), options);
      return target;
    }
    refuseOtherArrays(data);
    const call = calls.gatherBytes("gather", "values", encodeJson(data), root);
    return (await this.call(call, options))?.map(decodeJson);
  }

  /** Everybody's array, of any length, as a list at the root (`MPI_Gatherv`). */
  async gatherv<T extends TypedArray>(
    data: T,
    { root = 0, ...options }: RootOptions = {},
  ): Promise<T[] | undefined> {
    this.checkRank("gather to", root);
    const type = typeOf(data);
    const call = calls.gatherBytes("gatherv", type, bytesOf(data), root);
    const all = await this.call(call, options);
    return all?.map((bytes) => viewAs(type, bytes) as T);
  }

  /**
   * Everybody's array of one length, one after the other, on all ranks; or the
   * list of all JSON values (`MPI_Allgather`).
   */
  async allGather<T extends TypedArray>(
    data: T,
    options?: CallOptions & IntoOptions<T>,
  ): Promise<T>;
  async allGather<T extends Json>(data: T, options?: CallOptions): Promise<T[]>;
  async allGather(
    data: TypedArray | Json,
    { into, ...options }: CallOptions & IntoOptions<TypedArray> = {},
  ): Promise<unknown> {
    if (isTypedArray(data)) {
      const length = data.length * this.size;
      const target = resultFor(data, into, length, "all-gather");
      await this.call(calls.allGather(data, target, this.parts), options);
      return target;
    }
    refuseOtherArrays(data);
    const call = calls.allGatherBytes(
      "values",
      encodeJson(data),
      this.parts,
    );
    return (await this.call(call, options)).map(decodeJson);
  }

  /** Everybody's array, of any length, as a list on all ranks (`MPI_Allgatherv`). */
  async allGatherv<T extends TypedArray>(
    data: T,
    options: CallOptions = {},
  ): Promise<T[]> {
    const type = typeOf(data);
    const call = calls.allGatherBytes(type, bytesOf(data), this.parts);
    const all = await this.call(call, options);
    return all.map((bytes) => viewAs(type, bytes) as T);
  }

  /**
   * Part r of each rank's array goes to rank r, which gets them in the order of
   * the ranks; or the same with a list of JSON values (`MPI_Alltoall`).
   */
  async allToAll<T extends TypedArray>(
    data: T,
    options?: CallOptions & IntoOptions<T>,
  ): Promise<T>;
  async allToAll<T extends Json>(
    data: readonly T[],
    options?: CallOptions,
  ): Promise<T[]>;
  async allToAll(
    data: TypedArray | readonly Json[],
    { into, ...options }: CallOptions & IntoOptions<TypedArray> = {},
  ): Promise<unknown> {
    if (isTypedArray(data)) {
      divideEvenly(data, this.size, "all-to-all");
      const target = resultFor(data, into, data.length, "all-to-all");
      await this.call(calls.allToAll(data, target, this.size), options);
      return target;
    }
    const parts = partPerRank(data, this.size, "all-to-all").map(encodeJson);
    const call = calls.allToAllBytes("values", parts);
    return (await this.call(call, options)).map(decodeJson);
  }

  /** Part r of each rank's list goes to rank r, of any lengths (`MPI_Alltoallv`). */
  async allToAllv<T extends TypedArray>(
    parts: readonly T[],
    options: CallOptions = {},
  ): Promise<T[]> {
    const given = partPerRank(parts, this.size, "all-to-all");
    const type = typeOf(given[0]);
    const call = calls.allToAllBytes(type, given.map(bytesOf));
    const all = await this.call(call, options);
    return all.map((bytes) => viewAs(type, bytes) as T);
  }

  async #scatterParts<T>(
    parts: readonly (TypedArray | Json)[] | undefined,
    into: T | undefined,
    root: number,
    options: CallOptions,
  ): Promise<T> {
    const call = calls.scatterBytes(parts?.map(pack), root);
    const got = unpack(await this.call(call, options));
    if (into === undefined) return got as T;
    if (!isTypedArray(got) || typeOf(got) !== typeOf(into)) {
      throw new TypeError(`Cannot scatter into ${typeOf(into)} elements`);
    }
    const target = into as unknown as TypedArray;
    if (got.length > target.length) {
      throw new RangeError(
        `Cannot scatter ${got.length} elements into ${target.length}`,
      );
    }
    (target as Float32Array).set(got as Float32Array);
    return into;
  }
}
