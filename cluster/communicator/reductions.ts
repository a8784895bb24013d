import type { ElementType, TypedArray } from "./elements.ts";

/**
 * Operations on corresponding elements of all ranks (MPI 4.1, section 6.9.2).
 * `and`, `or` are logical, with results 0 and 1; `mean` is the sum divided by
 * the number of ranks.
 */
export type ReduceOp =
  | "sum"
  | "product"
  | "max"
  | "min"
  | "mean"
  | "and"
  | "or"
  | "bitwiseAnd"
  | "bitwiseOr"
  | "bitwiseXor";

/**
 * An operation of one's own. It must be associative; unless `commutative` is
 * set, the ranks are combined strictly in their order, `lower` from the lower
 * ranks.
 */
export interface UserOp<V = number> {
  /** Named in errors. */
  name?: string;
  combine: (lower: V, upper: V) => V;
  commutative?: boolean;
}

type Combine = (out: TypedArray, lower: TypedArray, upper: TypedArray) => void;

/** An operation made ready for arrays of one type. */
export interface Reduction {
  readonly name: string;
  readonly commutative: boolean;
  /** `out[i] = lower[i] op upper[i]`; `out` may be one of the two. */
  readonly combine: Combine;
  /** Last step, on the combined values of `ranks` ranks. */
  readonly finish: ((values: TypedArray, ranks: number) => void) | undefined;
}

type Numbers = Exclude<TypedArray, BigInt64Array>;

/** Sums are what training sends: a loop that only ever sees one type. */
function addFloat32(
  out: TypedArray,
  lower: TypedArray,
  upper: TypedArray,
): void {
  const [o, a, b] = [out, lower, upper] as Float32Array[];
  for (let i = 0; i < o!.length; i++) o![i] = a![i]! + b![i]!;
}

/** Two bf16 and their sum as f32; the same as bits. */
const floats = new Float32Array(3);
const bits = new Int32Array(floats.buffer);

/** Sums of bf16, the upper halves of f32: added in f32, rounded to nearest, ties to even. */
function addBfloat16(
  out: TypedArray,
  lower: TypedArray,
  upper: TypedArray,
): void {
  const [o, a, b] = [out, lower, upper] as Uint16Array[];
  for (let i = 0; i < o!.length; i++) {
    bits[0] = a![i]! << 16;
    bits[1] = b![i]! << 16;
    floats[2] = floats[0]! + floats[1]!;
    const sum = bits[2]!;
    o![i] = (sum & 0x7fffffff) > 0x7f800000
      ? sum >>> 16 | 0x40
      : sum + 0x7fff + (sum >>> 16 & 1) >>> 16;
  }
}

const NUMBERS: Record<string, (a: number, b: number) => number> = {
  sum: (a, b) => a + b,
  product: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
  and: (a, b) => a !== 0 && b !== 0 ? 1 : 0,
  or: (a, b) => a !== 0 || b !== 0 ? 1 : 0,
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
};

const BIGINTS: Record<string, (a: bigint, b: bigint) => bigint> = {
  sum: (a, b) => a + b,
  product: (a, b) => a * b,
  max: (a, b) => a > b ? a : b,
  min: (a, b) => a < b ? a : b,
  and: (a, b) => a !== 0n && b !== 0n ? 1n : 0n,
  or: (a, b) => a !== 0n || b !== 0n ? 1n : 0n,
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
};

/** Applies a function to pairs of elements; stores round and wrap as arrays do. */
function elementwise(f: (a: never, b: never) => unknown): Combine {
  const apply = f as (a: number, b: number) => number;
  return (out, lower, upper) => {
    const [o, a, b] = [out, lower, upper] as Numbers[];
    for (let i = 0; i < o!.length; i++) o![i] = apply(a![i]!, b![i]!);
  };
}

/** Sums with a loop of their own. */
const SUMS: Partial<Record<ElementType, Combine>> = {
  f32: addFloat32,
  bf16: addBfloat16,
};

const FLOATS: readonly ElementType[] = ["f32", "f16", "f64"];
const BITWISE = /^bitwise/;

/**
 * Looks an operation up for a type.
 *
 * @throws {TypeError} If there is none: bits of floats, means of integers.
 */
export function reductionOf(
  // deno-lint-ignore no-explicit-any
  op: ReduceOp | UserOp<any> | ((lower: any, upper: any) => unknown),
  type: ElementType,
): Reduction {
  if (typeof op !== "string") return userReduction(op);
  const isFloat = FLOATS.includes(type);
  const f = op === "mean"
    ? NUMBERS.sum
    : type === "i64"
    ? BIGINTS[op]
    : op === "product" && !isFloat
    ? Math.imul
    : NUMBERS[op];
  if (
    f === undefined || (op === "mean" && !isFloat) ||
    (type === "bf16" && op !== "sum") ||
    (BITWISE.test(op) && isFloat)
  ) {
    throw new TypeError(`Cannot reduce ${type} elements with "${op}"`);
  }
  const sum = op === "sum" || op === "mean" ? SUMS[type] : undefined;
  const combine = sum ?? elementwise(f as (a: never, b: never) => unknown);
  return {
    name: op,
    commutative: true,
    combine,
    finish: op === "mean" ? divide : undefined,
  };
}

function userReduction(
  // deno-lint-ignore no-explicit-any
  op: UserOp<any> | ((lower: any, upper: any) => unknown),
): Reduction {
  const { combine, name, commutative = false } = typeof op === "function"
    ? { combine: op, name: op.name }
    : op;
  return {
    name: name || "a user function",
    commutative,
    combine: elementwise(combine),
    finish: undefined,
  };
}

function divide(values: TypedArray, ranks: number): void {
  const floats = values as Float32Array;
  for (let i = 0; i < floats.length; i++) floats[i]! /= ranks;
}
