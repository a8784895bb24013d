import {
  bytesPerElement,
  copyTo,
  part,
  type TypedArray,
  typeOf,
  viewAs,
} from "./elements.ts";
import type { Use } from "./port.ts";

/** A segment of a message. */
export interface Segment {
  /** Place in the message, in bytes. */
  segment: number;
  /** Length of the message, in bytes. */
  total: number;
}

/** Where the segments of one message go, and the promise of the last one. */
export abstract class Landing {
  readonly #done = Promise.withResolvers<void>();
  #remaining: number | undefined;

  /** Resolves when the whole message has arrived. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  get complete(): boolean {
    return this.#remaining === 0;
  }

  /**
   * Takes a segment.
   *
   * @throws {RangeError} If it does not fit; the message says how.
   */
  take(head: Segment, payload: Uint8Array): void {
    this.#remaining ??= this.begin(head.total);
    if (
      payload.length > this.#remaining ||
      head.segment + payload.length > head.total
    ) {
      throw new RangeError(
        `bytes ${head.segment} to ${
          head.segment + payload.length
        } of a message of ${head.total}`,
      );
    }
    this.#remaining -= payload.length;
    this.place(payload, head.segment);
    if (this.#remaining === 0) this.#done.resolve();
  }

  /** Called with the message's length before its first segment; returns it. */
  protected abstract begin(total: number): number;
  protected abstract place(payload: Uint8Array, at: number): void;
}

/** A message of known type and length. */
export class ArrayLanding<T extends TypedArray> extends Landing {
  readonly #into: T;
  readonly #use: Use<T>;
  readonly #type;
  readonly #bytes: number;

  constructor(into: T, use: Use<T> = copy) {
    super();
    this.#into = into;
    this.#use = use;
    this.#type = typeOf(into);
    this.#bytes = bytesPerElement(this.#type);
  }

  protected begin(total: number): number {
    if (total !== this.#into.byteLength) {
      throw new RangeError(
        `${total} bytes where ${this.#into.byteLength} are expected`,
      );
    }
    return total;
  }

  protected place(payload: Uint8Array, at: number): void {
    if (payload.length % this.#bytes !== 0 || at % this.#bytes !== 0) {
      throw new RangeError(`${payload.length} bytes at ${at}, cut elements`);
    }
    const values = viewAs(this.#type, payload) as T;
    const start = at / this.#bytes;
    const target = part(this.#into, start, start + values.length);
    this.#use(values, target, start);
  }
}

/** A message whose length comes with it. */
export class BytesLanding extends Landing {
  bytes: Uint8Array = new Uint8Array(0);

  protected begin(total: number): number {
    this.bytes = new Uint8Array(total);
    return total;
  }

  protected place(payload: Uint8Array, at: number): void {
    this.bytes.set(payload, at);
  }
}

function copy(values: TypedArray, target: TypedArray): void {
  copyTo(target, values);
}
