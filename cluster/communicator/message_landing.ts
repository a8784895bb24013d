import {
  bytesOf,
  bytesPerElement,
  type ElementType,
  type TypedArray,
  typeOf,
} from "./elements.ts";
import type { Envelope } from "./envelope.ts";
import { Landing } from "./landing.ts";

/** Receives into the caller's memory if there is some, else into new. */
export class MessageLanding extends Landing {
  bytes: Uint8Array;
  readonly #hasTarget: boolean;

  constructor(into: TypedArray | undefined) {
    super();
    this.#hasTarget = into !== undefined;
    this.bytes = into === undefined ? NOTHING : bytesOf(into);
  }

  /** Touches the caller's memory no more. */
  leave(): void {
    this.bytes = new Uint8Array(this.bytes.length);
  }

  protected begin(total: number): number {
    this.bytes = this.#hasTarget
      ? this.bytes.subarray(0, total)
      : new Uint8Array(total);
    return total;
  }

  protected place(payload: Uint8Array, at: number): void {
    this.bytes.set(payload, at);
  }
}

/** Why a message cannot be received into an array. */
export function misfit(
  into: TypedArray | undefined,
  { type, length, source, tag }: Envelope,
): Error | undefined {
  if (into === undefined) return undefined;
  const wanted: ElementType = typeOf(into);
  const name = `${type}[${length}] from rank ${source} with tag ${tag}`;
  if (type !== wanted) {
    return new TypeError(
      `Cannot receive ${name} into ${wanted}[${into.length}]`,
    );
  }
  if (length * bytesPerElement(type) > into.byteLength) {
    return new RangeError(
      `Cannot receive ${name} into ${into.length} elements`,
    );
  }
  return undefined;
}

const NOTHING = new Uint8Array(0);
