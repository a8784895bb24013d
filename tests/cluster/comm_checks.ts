import { deepStrictEqual, strictEqual } from "node:assert";
import type { Comm, ReduceOp, TypedArray } from "../../mod.ts";
import { uniform } from "../helpers/mod.ts";

/** One call, as all ranks make it. */
export interface Given {
  type: keyof typeof ARRAYS;
  op: ReduceOp;
  length: number;
  root: number;
  inPlace: boolean;
  seed: number;
}

export const ARRAYS = {
  f32: Float32Array,
  f16: Float16Array,
  f64: Float64Array,
  i32: Int32Array,
  u32: Uint32Array,
  u8: Uint8Array,
  i64: BigInt64Array,
};

/** By call and rank: every rank compares with the values of all. */
const known = new WeakMap<Given, Map<number, TypedArray>>();

/** Small whole numbers: exact in every type, in any order of combination. */
export function valuesOf(
  given: Given,
  rank: number,
  length = given.length,
): TypedArray {
  const ofRanks = known.get(given) ?? new Map<number, TypedArray>();
  known.set(given, ofRanks);
  let values = ofRanks.get(rank);
  if (values === undefined || values.length < length) {
    const next = uniform(given.seed + rank * 7919);
    const whole = Array.from({ length }, () => Math.floor(next() * 3));
    values = given.type === "i64"
      ? BigInt64Array.from(whole, BigInt)
      : ARRAYS[given.type].from(whole) as TypedArray;
    ofRanks.set(rank, values);
  }
  return values.slice(0, length);
}

const FOLDS: Record<ReduceOp, (a: number, b: number) => number> = {
  sum: (a, b) => a + b,
  mean: (a, b) => a + b,
  product: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
  and: (a, b) => Number(a && b) && 1,
  or: (a, b) => Number(a || b) && 1,
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
};

/** The naive definition, with the values of the ranks 0 to `last`. */
function combined(given: Given, last: number, size: number): TypedArray {
  const all = Array.from(
    { length: last + 1 },
    (_, rank) => Array.from(valuesOf(given, rank), Number),
  );
  let result = all.reduce((a, b) => a.map((x, i) => FOLDS[given.op](x, b[i]!)));
  if (given.op === "mean") result = result.map((x) => x / size);
  return given.type === "i64"
    ? BigInt64Array.from(result, BigInt)
    : ARRAYS[given.type].from(result) as TypedArray;
}

function concatenate(given: Given, parts: TypedArray[]): TypedArray {
  const flat = parts.flatMap((part) => Array.from(part as Float32Array));
  const type = ARRAYS[given.type] as unknown as Float32ArrayConstructor;
  return type.from(flat);
}

function empty(given: Given, length: number): TypedArray {
  return new ARRAYS[given.type](length);
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

/** Lengths that differ over the ranks. */
function lengthOf(given: Given, rank: number): number {
  return Math.floor(uniform(given.seed + rank)() * given.length);
}

/** Every collective against its definition, seen from one rank. */
export const CHECKS: Record<
  string,
  (comm: Comm, given: Given) => Promise<void>
> = {
  async broadcast(comm, given) {
    const data = valuesOf(given, comm.rank);
    strictEqual(await comm.broadcast(data, { root: given.root }), data);
    deepStrictEqual(data, valuesOf(given, given.root));
    const value = { from: given.root, list: [1, "two", null] };
    deepStrictEqual(
      await comm.broadcast(comm.rank === given.root ? value : undefined, given),
      value,
    );
  },

  async scatter(comm, given) {
    const { root } = given;
    const whole = valuesOf(given, root, given.length * comm.size);
    const into = empty(given, given.length);
    const got = await comm.scatter<TypedArray>(
      comm.rank === root ? whole : undefined,
      { root, ...(given.inPlace ? { into } : {}) },
    );
    const start = comm.rank * given.length;
    deepStrictEqual(got, whole.slice(start, start + given.length));
    if (given.inPlace) strictEqual(got, into);
    const part = await comm.scatterv<TypedArray>(
      comm.rank === root
        ? range(comm.size).map((r) => valuesOf(given, r, lengthOf(given, r)))
        : undefined,
      { root },
    );
    deepStrictEqual(
      part,
      valuesOf(given, comm.rank, lengthOf(given, comm.rank)),
    );
  },

  async gather(comm, given) {
    const { root } = given;
    const all = range(comm.size).map((rank) => valuesOf(given, rank));
    const into = empty(given, given.length * comm.size);
    const got = await comm.gather(valuesOf(given, comm.rank), {
      root,
      ...(given.inPlace ? { into } : {}),
    });
    const isRoot = comm.rank === root;
    deepStrictEqual(got, isRoot ? concatenate(given, all) : undefined);
    const part = valuesOf(given, comm.rank, lengthOf(given, comm.rank));
    deepStrictEqual(
      await comm.gatherv(part, { root }),
      isRoot
        ? range(comm.size).map((r) => valuesOf(given, r, lengthOf(given, r)))
        : undefined,
    );
    deepStrictEqual(
      await comm.gather({ rank: comm.rank }, { root }),
      isRoot ? range(comm.size).map((rank) => ({ rank })) : undefined,
    );
  },

  async allGather(comm, given) {
    const all = concatenate(
      given,
      range(comm.size).map((rank) => valuesOf(given, rank)),
    );
    const into = empty(given, given.length * comm.size);
    let data = valuesOf(given, comm.rank);
    if (given.inPlace) {
      const start = comm.rank * given.length;
      (into as Float32Array).set(data as Float32Array, start);
      data = into.subarray(start, start + given.length);
    }
    deepStrictEqual(await comm.allGather(data, { into }), all);
    const part = valuesOf(given, comm.rank, lengthOf(given, comm.rank));
    deepStrictEqual(
      await comm.allGatherv(part),
      range(comm.size).map((r) => valuesOf(given, r, lengthOf(given, r))),
    );
    deepStrictEqual(await comm.allGather(comm.rank), range(comm.size));
  },

  async allToAll(comm, given) {
    const { length } = given;
    const data = valuesOf(given, comm.rank, length * comm.size);
    const expected = concatenate(
      given,
      range(comm.size).map((rank) =>
        valuesOf(given, rank, length * comm.size)
          .slice(comm.rank * length, (comm.rank + 1) * length)
      ),
    );
    const options = given.inPlace ? { into: data } : {};
    deepStrictEqual(await comm.allToAll(data, options), expected);
    const parts = range(comm.size).map((to) =>
      valuesOf(given, comm.rank + to, lengthOf(given, to))
    );
    deepStrictEqual(
      await comm.allToAllv(parts),
      range(comm.size).map((from) =>
        valuesOf(given, from + comm.rank, lengthOf(given, comm.rank))
      ),
    );
    deepStrictEqual(
      await comm.allToAll(range(comm.size).map((to) => [comm.rank, to])),
      range(comm.size).map((from) => [from, comm.rank]),
    );
  },

  async allReduce(comm, given) {
    const data = valuesOf(given, comm.rank);
    const expected = combined(given, comm.size - 1, comm.size);
    const into = given.inPlace ? data : empty(given, given.length);
    strictEqual(await comm.allReduce(data, { op: given.op, into }), into);
    deepStrictEqual(into, expected);
    if (!given.inPlace) deepStrictEqual(data, valuesOf(given, comm.rank));
    const again = valuesOf(given, comm.rank);
    await comm.allReduce(again, { op: given.op, reproducible: true });
    deepStrictEqual(again, expected);
    strictEqual(await comm.allReduce(comm.rank, { op: "max" }), comm.size - 1);
  },

  async userOperations(comm, given) {
    // Associative but not commutative: the ranks must come in their order.
    const last = (_: number, upper: number) => upper;
    const first = (lower: number) => lower;
    const lastValues = valuesOf(given, comm.size - 1);
    const firstValues = valuesOf(given, 0);
    const own = () => valuesOf(given, comm.rank);
    deepStrictEqual(await comm.allReduce(own(), { op: last }), lastValues);
    deepStrictEqual(await comm.allReduce(own(), { op: first }), firstValues);
    deepStrictEqual(await comm.scan(own(), { op: first }), firstValues);
    const reduced = await comm.reduce(own(), { op: last, root: given.root });
    deepStrictEqual(
      reduced,
      comm.rank === given.root ? lastValues : undefined,
    );
    const counts = range(comm.size).map((r) =>
      r === given.root ? given.length : 0
    );
    const part = await comm.reduceScatter(own(), { op: first, counts });
    deepStrictEqual(part, firstValues.subarray(0, counts[comm.rank]));
    const longest = await comm.allReduce(
      { ranks: [comm.rank] },
      {
        op: (a: { ranks: number[] }, b: { ranks: number[] }) => ({
          ranks: [...a.ranks, ...b.ranks],
        }),
      },
    );
    deepStrictEqual(longest, { ranks: range(comm.size) });
  },

  async reduce(comm, given) {
    const data = valuesOf(given, comm.rank);
    const into = given.inPlace ? data : empty(given, given.length);
    const { op, root } = given;
    const result = await comm.reduce(data, { op, root, into });
    if (comm.rank === root) {
      strictEqual(result, into);
      deepStrictEqual(result, combined(given, comm.size - 1, comm.size));
    } else {
      strictEqual(result, undefined);
      deepStrictEqual(data, valuesOf(given, comm.rank));
    }
  },

  async reduceScatter(comm, given) {
    const data = valuesOf(given, comm.rank);
    const expected = combined(given, comm.size - 1, comm.size);
    const at = (r: number) => Math.floor(given.length * r / comm.size);
    const [start, end] = [at(comm.rank), at(comm.rank + 1)];
    const options = given.inPlace ? { into: data.subarray(start, end) } : {};
    const got = await comm.reduceScatter(data, { op: given.op, ...options });
    deepStrictEqual(Array.from(got as Float32Array), [
      ...expected.subarray(start, end) as Float32Array,
    ]);
  },

  async scan(comm, given) {
    const op = given.op === "mean" ? "sum" : given.op;
    const data = valuesOf(given, comm.rank);
    const into = given.inPlace ? data : empty(given, given.length);
    await comm.scan(data, { op, into });
    deepStrictEqual(into, combined({ ...given, op }, comm.rank, comm.size));
  },

  async messages(comm, given) {
    const { rank, size } = comm;
    const [next, previous] = [(rank + 1) % size, (rank + size - 1) % size];
    const into = empty(given, given.length);
    const { data, source, tag } = await comm.sendRecv<TypedArray>(
      valuesOf(given, rank),
      { to: next, from: previous, sendTag: 5, into },
    );
    deepStrictEqual([source, tag], [previous, 5]);
    deepStrictEqual(data, valuesOf(given, previous));
    const sent = range(size).map((to) =>
      comm.send({ from: rank }, { to, tag: 9 })
    );
    const from = new Set<number>();
    for (let i = 0; i < size; i++) {
      const message = await comm.recv<{ from: number }>({ tag: 9 });
      strictEqual(message.data.from, message.source);
      from.add(message.source);
    }
    strictEqual(from.size, size);
    await Promise.all(sent);
    // Others may be in their next call already: nothing of it is for us.
    await comm.barrier();
  },

  async groups(comm, given) {
    const color = comm.rank % 2;
    const sub = (await comm.split(color, { key: -comm.rank }))!;
    const members = range(comm.size).filter((r) => r % 2 === color).reverse();
    strictEqual(sub.size, members.length);
    strictEqual(members[sub.rank], comm.rank);
    deepStrictEqual(await sub.allGather(comm.rank), members);
    const twin = await comm.duplicate();
    const [a, b] = await Promise.all([
      twin.allReduce(1),
      sub.allReduce(valuesOf(given, comm.rank)),
      comm.barrier(),
    ]);
    strictEqual(a, comm.size);
    const expected = members.map((r) => Array.from(valuesOf(given, r), Number))
      .reduce((x, y) => x.map((value, i) => value + y[i]!));
    deepStrictEqual(Array.from(b, Number), expected);
    await sub.finalize();
    await twin.finalize();
  },
};
