import { allocateLike, type TypedArray, typeOf } from "./elements.ts";

/** Most bytes that wait here for their next use. */
const LIMIT = 64 * 1024 * 1024;

/** Arrays that are used again, so that repeated calls allocate nothing. */
export class ScratchPool {
  readonly #free = new Map<string, TypedArray[]>();
  #bytes = 0;

  take<T extends TypedArray>(like: T, length: number): T {
    const array = this.#free.get(`${typeOf(like)}/${length}`)?.pop();
    if (array === undefined) return allocateLike(like, length);
    this.#bytes -= array.byteLength;
    return array as T;
  }

  give(array: TypedArray): void {
    if (this.#bytes + array.byteLength > LIMIT) return;
    this.#bytes += array.byteLength;
    const name = `${typeOf(array)}/${array.length}`;
    const free = this.#free.get(name);
    if (free === undefined) this.#free.set(name, [array]);
    else free.push(array);
  }
}
