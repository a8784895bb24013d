import type { FrameHead, Parcel } from "../links/mod.ts";
import { type Call, describeCall, signatureOf } from "./call.ts";
import {
  bytesOf,
  bytesPerElement,
  overlap,
  type TypedArray,
  typeOf,
} from "./elements.ts";
import { CollectiveMismatchError } from "./errors.ts";
import { ArrayLanding, BytesLanding, type Landing } from "./landing.ts";
import {
  EAGER_ALONE_BYTES,
  EAGER_BYTES,
  LongMessages,
} from "./long_messages.ts";
import type { Port, Use } from "./port.ts";
import { PURPOSE } from "./purpose.ts";
import type { ScratchPool } from "./scratch_pool.ts";
import { segmentBytesFor, type SegmentLimits } from "./segments.ts";
import type { Entry } from "./waiting_room.ts";

export interface OperationOptions extends SegmentLimits {
  rank: number;
  size: number;
  nodes: readonly number[];
  context: number;
  number: number;
  now: () => number;
  post(to: number, parcel: Parcel): void;
  /** Takes what has come early of a message, or of a rank's readiness. */
  early(from: number, step: number | "ready"): readonly Entry[];
  finished(): void;
  /** Whether the rank has begun no other call. */
  alone(): boolean;
  /** The algorithm cannot go on. */
  failed(error: unknown): void;
  pool: ScratchPool;
}

/** A collective in progress on this rank, and the promise of its end. */
export class Operation<T = unknown> implements Port {
  readonly rank: number;
  readonly size: number;
  readonly nodes: readonly number[];
  readonly number: number;
  readonly description: string;
  readonly signature: number;
  /** When something last moved. */
  movedAt: number;
  warned = false;
  begun = false;
  readonly #call: Call<T>;
  readonly #options: OperationOptions;
  readonly #end = Promise.withResolvers<T>();
  readonly #landings = new Map<string, Landing>();
  readonly #long: LongMessages;
  /** Ranks that know that long messages can come here. */
  readonly #told = new Set<number>();
  readonly #scratch: TypedArray[] = [];
  /** Parcels that the other ranks do not have yet. */
  #unarrived = 0;
  #sent: PromiseWithResolvers<void> | undefined;
  #result: { value: T } | undefined;

  constructor(call: Call<T>, options: OperationOptions) {
    this.#call = call;
    this.#options = options;
    this.rank = options.rank;
    this.size = options.size;
    this.nodes = options.nodes;
    this.number = options.number;
    this.description = describeCall(call);
    this.signature = signatureOf(this.description);
    this.movedAt = options.now();
    this.#long = new LongMessages({
      post: (to, parcel) => this.#post(to, parcel),
      readyEarly: (rank) => options.early(rank, "ready").length > 0,
    });
  }

  /** "all-reduce 12" */
  get title(): string {
    return `${this.#call.name} ${this.number}`;
  }

  /**
   * Resolves when everything has arrived here and everything sent from here has
   * arrived there, so that the memory belongs to the caller again.
   */
  get end(): Promise<T> {
    return this.#end.promise;
  }

  /** Ranks whose data or readiness is awaited directly. */
  get sources(): number[] {
    const waiting = [...this.#landings.keys()].map((name) =>
      Number(name.split("/")[0])
    );
    return [...new Set([...waiting, ...this.#long.receivers])]
      .sort((a, b) => a - b);
  }

  begin(): void {
    this.begun = true;
    this.movedAt = this.#options.now();
    this.#call.algorithm(this).then((value) => {
      this.#result = { value };
      this.#settle();
    }, this.#options.failed);
  }

  sharesMemory(other: Operation): boolean {
    return this.#call.memory.some((mine) =>
      other.#call.memory.some((theirs) => overlap(mine, theirs))
    );
  }

  reject(error: Error): void {
    this.#end.reject(error);
  }

  send(
    to: number,
    step: number,
    values: TypedArray,
    start = 0,
    end: number = values.length,
  ): void {
    const bytes = bytesOf(values);
    const size = bytesPerElement(typeOf(values));
    const total = bytes.length;
    const isEager = total <= EAGER_BYTES ||
      (total <= EAGER_ALONE_BYTES && this.#options.alone());
    const segment = segmentBytesFor((end - start) * size, this.#options);
    let at = start * size;
    const last = end * size;
    // A message without elements is still a message.
    if (at === last && total > 0) return;
    do {
      const until = Math.min(at + segment, last);
      const parcel = this.#parcel(step, at, total, bytes.subarray(at, until));
      if (isEager) this.#post(to, parcel);
      else this.#long.send(to, parcel);
      at = until;
    } while (at < last);
  }

  async receive<A extends TypedArray>(
    from: number,
    step: number,
    into: A,
    use?: Use<A>,
  ): Promise<void> {
    const landing = new ArrayLanding(into, use);
    this.#expect(from, step, landing, into.byteLength > EAGER_BYTES);
    await landing.done;
  }

  async receiveBytes(from: number, step: number): Promise<Uint8Array> {
    const landing = new BytesLanding();
    this.#expect(from, step, landing, true);
    await landing.done;
    return landing.bytes;
  }

  async sent(): Promise<void> {
    if (this.#unarrived === 0 && this.#long.isEmpty) return;
    this.#sent ??= Promise.withResolvers<void>();
    await this.#sent.promise;
  }

  scratch<A extends TypedArray>(like: A, length: number): A {
    const array = this.#options.pool.take(like, length);
    this.#scratch.push(array);
    return array;
  }

  /** A segment for this call; `false` if the rank has not asked for it yet. */
  arrive(from: number, head: FrameHead, payload: Uint8Array): boolean {
    this.movedAt = this.#options.now();
    if (head.purpose === PURPOSE.ready) {
      this.#long.onReady(from);
      return true;
    }
    const name = nameOf(from, head.step);
    const landing = this.#landings.get(name);
    if (landing === undefined) return false;
    this.#land(name, landing, head, payload);
    return true;
  }

  #expect(from: number, step: number, landing: Landing, long: boolean): void {
    const name = nameOf(from, step);
    this.#landings.set(name, landing);
    if (long && !this.#told.has(from)) {
      this.#told.add(from);
      this.#post(from, {
        ...this.#parcel(0, 0, 0, NOTHING),
        purpose: PURPOSE.ready,
      });
    }
    for (const { head, payload } of this.#options.early(from, step)) {
      this.#land(name, landing, head, payload);
    }
  }

  #land(
    name: string,
    landing: Landing,
    head: FrameHead,
    payload: Uint8Array,
  ): void {
    try {
      landing.take(head, payload);
    } catch (error) {
      throw error instanceof RangeError
        ? new CollectiveMismatchError(
          `Cannot use what rank ${
            name.split("/")[0]
          } sent for ${this.title} on rank ${this.rank}: ${error.message}`,
        )
        : error;
    }
    if (landing.complete) this.#landings.delete(name);
  }

  #parcel(
    step: number,
    segment: number,
    total: number,
    payload: Uint8Array,
  ): Parcel {
    const { context, number } = this.#options;
    return {
      purpose: PURPOSE.call,
      context,
      signature: this.signature,
      operation: number,
      step,
      segment,
      total,
      payload,
      arrived: () => {
        this.#unarrived--;
        this.movedAt = this.#options.now();
        this.#settle();
      },
    };
  }

  #post(to: number, parcel: Parcel): void {
    this.#unarrived++;
    this.#options.post(to, parcel);
  }

  #settle(): void {
    if (this.#unarrived > 0 || !this.#long.isEmpty) return;
    this.#sent?.resolve();
    this.#sent = undefined;
    if (this.#result === undefined) return;
    for (const array of this.#scratch) this.#options.pool.give(array);
    this.#options.finished();
    this.#end.resolve(this.#result.value);
  }
}

/** Names a message within its call; its step is "ready" for readiness. */
export function nameOf(from: number, step: number | "ready"): string {
  return `${from}/${step}`;
}

const NOTHING = new Uint8Array(0);
