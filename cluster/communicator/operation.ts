import type { Parcel } from "../links/mod.ts";
import { CODES, type Collective, type Port } from "./collectives/mod.ts";
import { CollectiveMismatchError } from "./errors.ts";

/** Bytes of a segment: enough to keep all links busy, few enough frames. */
const SMALLEST_SEGMENT = 256 * 1024;
const LARGEST_SEGMENT = 1024 * 1024;

export interface OperationOptions {
  rank: number;
  size: number;
  number: number;
  /** Most bytes that fit one frame. */
  maxPayload: number;
  /** Fixed size of a segment, for tests. */
  segmentBytes?: number | undefined;
  now: () => number;
  post(to: number, parcel: Parcel): void;
  finished(operation: Operation): void;
}

/** Head fields of data that has arrived for an operation. */
export interface Arrival {
  from: number;
  collective: number;
  step: number;
  segment: number;
  total: number;
}

/** A collective in progress on this rank, and the promise of its end. */
export class Operation implements Port {
  readonly rank: number;
  readonly size: number;
  readonly number: number;
  readonly collective: Collective;
  /** When something last moved. */
  movedAt: number;
  warned = false;
  begun = false;
  readonly #options: OperationOptions;
  readonly #end = Promise.withResolvers<void>();
  /** Parcels that the other ranks do not have yet. */
  #unarrived = 0;

  constructor(collective: Collective, options: OperationOptions) {
    this.collective = collective;
    this.rank = options.rank;
    this.size = options.size;
    this.number = options.number;
    this.#options = options;
    this.movedAt = options.now();
  }

  /** "all-reduce 12" */
  get title(): string {
    return `${this.collective.name} ${this.number}`;
  }

  /**
   * Resolves when everything has arrived here and everything sent from here has
   * arrived there, so that the buffer belongs to the caller again.
   */
  get end(): Promise<void> {
    return this.#end.promise;
  }

  begin(): void {
    this.begun = true;
    this.movedAt = this.#options.now();
    this.collective.start(this);
    this.#settle();
  }

  /** The buffers of both overlap. */
  sharesMemory(other: Operation): boolean {
    const a = this.collective.buffer;
    const b = other.collective.buffer;
    return a.buffer === b.buffer &&
      a.byteOffset < b.byteOffset + b.byteLength &&
      b.byteOffset < a.byteOffset + a.byteLength;
  }

  reject(error: Error): void {
    this.#end.reject(error);
  }

  send(to: number, step: number, start: number, end: number): void {
    const { buffer, name } = this.collective;
    const segment = this.#segmentElements(end - start);
    for (let at = start; at < end; at += segment) {
      const length = Math.min(segment, end - at);
      this.#unarrived++;
      this.#options.post(to, {
        collective: CODES[name],
        operation: this.number,
        step,
        segment: at,
        total: buffer.length,
        payload: new Uint8Array(
          buffer.buffer,
          buffer.byteOffset + at * 4,
          length * 4,
        ),
        arrived: () => {
          this.#unarrived--;
          this.movedAt = this.#options.now();
          this.#settle();
        },
      });
    }
  }

  /** @throws {CollectiveMismatchError} If the sender made another call. */
  receive(arrival: Arrival, payload: Uint8Array): void {
    const { name, buffer } = this.collective;
    if (
      arrival.collective !== CODES[name] || arrival.total !== buffer.length ||
      payload.length % 4 !== 0
    ) {
      throw new CollectiveMismatchError(
        `Cannot match the calls of rank ${this.rank} and rank ${arrival.from}: operation ${this.number} is ${name} of ${buffer.length} elements here and ${
          nameOf(arrival.collective)
        } of ${arrival.total} there`,
      );
    }
    this.movedAt = this.#options.now();
    this.collective.receive({
      from: arrival.from,
      step: arrival.step,
      start: arrival.segment,
      values: floats(payload),
    }, this);
    this.#settle();
  }

  #segmentElements(elements: number): number {
    const { segmentBytes, maxPayload } = this.#options;
    const wished = segmentBytes ??
      Math.min(Math.max(elements, SMALLEST_SEGMENT), LARGEST_SEGMENT);
    return Math.max(1, Math.floor(Math.min(wished, maxPayload) / 4));
  }

  #settle(): void {
    if (!this.collective.complete || this.#unarrived > 0) return;
    this.#options.finished(this);
    this.#end.resolve();
  }
}

function nameOf(code: number): string {
  const known = Object.entries(CODES).find(([, value]) => value === code);
  return known?.[0] ?? `collective ${code}`;
}

/** The payload as floats; copied only when its bytes are not aligned. */
function floats(payload: Uint8Array): Float32Array {
  const { buffer, byteOffset, length } = payload;
  return byteOffset % 4 === 0
    ? new Float32Array(buffer, byteOffset, length / 4)
    : new Float32Array(new Uint8Array(payload).buffer);
}
