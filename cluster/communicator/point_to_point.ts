import {
  bytesOf,
  codeOf,
  isTypedArray,
  type Json,
  JSON_CODE,
  type TypedArray,
  typeOf,
  viewAs,
} from "./elements.ts";
import {
  ANY_SOURCE,
  ANY_TAG,
  type Envelope,
  LARGEST_TAG,
  type Pattern,
} from "./envelope.ts";
import { Group } from "./group.ts";
import type { Received } from "./incoming.ts";
import { decodeJson, encodeJson } from "./packing.ts";

/** What every wait for a message can be given. */
export interface WaitOptions {
  signal?: AbortSignal;
  /** The longest wait, in ms; by default the communicator's. May be `Infinity`. */
  timeoutMs?: number;
}

/** Where a message goes. */
export interface SendOptions extends WaitOptions {
  to: number;
  /** 0 to 2^31 - 1; 0 by default. */
  tag?: number;
}

/** Which message is taken, by default the next one. */
export interface ReceiveOptions<T = unknown> extends WaitOptions {
  /** {@linkcode ANY_SOURCE} by default. */
  from?: number;
  /** {@linkcode ANY_TAG} by default. */
  tag?: number;
  /** Memory for the elements; the message may be shorter. */
  into?: T & TypedArray;
}

/** A message and where it came from. */
export interface Message<T> extends Envelope {
  /** Elements (a part of `into`, if given), or the value. */
  data: T;
}

/**
 * Messages from rank to rank (MPI 4.1, chapter 3). Every call is non-blocking:
 * it returns a promise, `await` is the wait. Messages of one sender that fit the
 * same receive come in the order of their sending.
 */
export class PointToPoint extends Group {
  /**
   * Sends an array of elements or a JSON value (`MPI_Send`, `MPI_Isend`).
   *
   * Resolves when the memory may be used again. Up to 16 KiB that is soon;
   * a longer message waits until its receiver has called {@linkcode recv}, so two
   * ranks that both send first wait for each other until their deadline: use
   * {@linkcode sendRecv}. An aborted send may still be delivered.
   *
   * @example
   * ```ts
   * import { ANY_SOURCE, runRanks } from "@signet/signet";
   * import { deepStrictEqual } from "node:assert";
   *
   * await runRanks(2, async (comm) => {
   *   if (comm.rank === 1) await comm.send(Int32Array.of(4, 2), { to: 0, tag: 7 });
   *   else {
   *     const { data, source, tag } = await comm.recv<Int32Array>({
   *       from: ANY_SOURCE,
   *       tag: 7,
   *     });
   *     deepStrictEqual([[...data], source, tag], [[4, 2], 1, 7]);
   *   }
   * });
   * ```
   *
   * @throws {RangeError} If there is no such rank or tag.
   * @throws {CollectiveTimeoutError} If the receiver does not take it in time.
   */
  async send(
    data: TypedArray | Json,
    { to, tag = 0, timeoutMs, signal }: SendOptions,
  ): Promise<void> {
    this.checkRank("send to", to);
    checkTag(tag);
    signal?.throwIfAborted();
    this.#checkAlive();
    const isArray = isTypedArray(data);
    if (ArrayBuffer.isView(data) && !isArray) typeOf(data);
    const { exchange, context } = this.parts;
    await context.outgoing.send(to, {
      tag,
      code: isArray ? codeOf(typeOf(data)) : JSON_CODE,
      bytes: isArray ? bytesOf(data) : encodeJson(data),
      timeoutMs: timeoutMs ?? exchange.deadlineMs,
      signal,
    });
  }

  /**
   * Receives the first message that fits (`MPI_Recv`, `MPI_Irecv`).
   *
   * @throws {TypeError} If it has other elements than `into`.
   * @throws {RangeError} If it is longer than `into`.
   * @throws {CollectiveTimeoutError} If none comes in time; the communicator
   * still works.
   */
  async recv<T extends TypedArray | Json = TypedArray | Json>(
    options: ReceiveOptions<T> = {},
  ): Promise<Message<T>> {
    const { envelope, bytes } = await this.#wait(options, false);
    const data = envelope.type === "json"
      ? decodeJson(bytes)
      : viewAs(envelope.type, bytes);
    return { ...envelope, data: data as T };
  }

  /** Sends and receives at once, without a deadlock (`MPI_Sendrecv`). */
  async sendRecv<T extends TypedArray | Json = TypedArray | Json>(
    data: TypedArray | Json,
    { to, from, sendTag = 0, recvTag = ANY_TAG, into, ...wait }:
      & WaitOptions
      & Pick<ReceiveOptions<T>, "from" | "into">
      & { to: number; sendTag?: number; recvTag?: number },
  ): Promise<Message<T>> {
    const [message] = await Promise.all([
      this.recv<T>({
        ...wait,
        ...(from === undefined ? {} : { from }),
        ...(into === undefined ? {} : { into }),
        tag: recvTag,
      }),
      this.send(data, { ...wait, to, tag: sendTag }),
    ]);
    return message;
  }

  /** Waits for a message that fits and leaves it where it is (`MPI_Probe`). */
  async probe(
    options: Omit<ReceiveOptions, "into"> = {},
  ): Promise<Envelope> {
    return (await this.#wait(options, true)).envelope;
  }

  /** The first message here that fits, or `undefined` (`MPI_Iprobe`). */
  iprobe(options: Partial<Pattern> = {}): Envelope | undefined {
    return this.parts.context.incoming.peek(this.#pattern(options));
  }

  #wait(
    options: ReceiveOptions<unknown>,
    probe: boolean,
  ): Promise<Received> {
    const pattern = this.#pattern(options);
    const { into, signal, timeoutMs } = options;
    if (into !== undefined) typeOf(into);
    signal?.throwIfAborted();
    this.#checkAlive();
    const { exchange, context } = this.parts;
    return context.incoming.receive(pattern, {
      into,
      probe,
      signal,
      timeoutMs: timeoutMs ?? exchange.deadlineMs,
    });
  }

  #pattern(
    { from = ANY_SOURCE, tag = ANY_TAG }: Partial<Pattern>,
  ): Pattern {
    this.checkRank("receive from", from, { any: true });
    if (tag !== ANY_TAG) checkTag(tag);
    return { from, tag };
  }

  #checkAlive(): void {
    const { failure } = this.parts.context;
    if (failure !== undefined) throw failure;
  }
}

function checkTag(tag: number): void {
  if (Number.isInteger(tag) && tag >= 0 && tag <= LARGEST_TAG) return;
  throw new RangeError(
    `Cannot use ${tag} as a tag: tags are 0 to ${LARGEST_TAG}`,
  );
}
