import { allocateLike, type TypedArray, typeOf } from "./elements.ts";

/**
 * One part of the array for each rank.
 *
 * @throws {RangeError} If the parts would differ in length.
 */
export function divideEvenly<T extends TypedArray>(
  data: T,
  size: number,
  what: string,
): T[] {
  const length = data.length / size;
  if (!Number.isInteger(length)) {
    throw new RangeError(
      `Cannot ${what} ${data.length} elements evenly over ${size} ranks`,
    );
  }
  return Array.from(
    { length: size },
    (_, rank) => data.subarray(rank * length, (rank + 1) * length) as T,
  );
}

/** @throws {RangeError} If the list has not one part for each rank. */
export function partPerRank<T>(
  parts: readonly T[] | undefined,
  size: number,
  what: string,
): T[] {
  if (Array.isArray(parts) && parts.length === size) return [...parts];
  throw new RangeError(
    `Cannot ${what}: a list with a part for each of ${size} ranks is needed`,
  );
}

/**
 * Where a result goes: `into`, or new memory.
 *
 * @throws {RangeError} If `into` has another type or length.
 */
export function resultFor<T extends TypedArray>(
  like: T,
  into: T | undefined,
  length: number,
  what: string,
): T {
  if (into === undefined) return allocateLike(like, length);
  if (typeOf(into) === typeOf(like) && into.length === length) return into;
  throw new RangeError(
    `Cannot ${what} into ${typeOf(into)}[${into.length}]: ${
      typeOf(like)
    }[${length}] is needed`,
  );
}

/** Arrays of other elements would lose their type as JSON. */
export function refuseOtherArrays(value: unknown): void {
  if (ArrayBuffer.isView(value)) typeOf(value);
}
