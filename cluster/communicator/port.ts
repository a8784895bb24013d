import type { TypedArray } from "./elements.ts";

/**
 * What an algorithm sees of the world: numbered ranks that exchange messages.
 *
 * A message is named by sender, receiver and `step`; within one call each name
 * is used once. Large ones travel in segments, in any order, each delivered
 * once. Sent memory is read until the message has arrived: an algorithm may
 * write to it only after data has come that proves that the receiver has used
 * what was sent, or after the call.
 */
export interface Port {
  readonly rank: number;
  readonly size: number;
  /** Machine of each rank, as a number. */
  readonly nodes: readonly number[];
  /**
   * Sends the elements `[start, end)` of the message `values`, by default all;
   * the rest follows in other calls with the same arguments.
   */
  send(
    to: number,
    step: number,
    values: TypedArray,
    start?: number,
    end?: number,
  ): void;
  /**
   * Receives a message into an array of its length. `use` is called with each
   * segment as it arrives; left out, segments are copied.
   */
  receive<T extends TypedArray>(
    from: number,
    step: number,
    into: T,
    use?: Use<T>,
  ): Promise<void>;
  /** Receives a message whose length only the sender knows. */
  receiveBytes(from: number, step: number): Promise<Uint8Array>;
  /** Resolves when all that was sent has arrived, so that its memory may change. */
  sent(): Promise<void>;
  /** Memory until the end of the call, with arbitrary content. */
  scratch<T extends TypedArray>(like: T, length: number): T;
}

/**
 * Takes a segment that has arrived: `values` for `target`, which are the
 * elements `[start, start + values.length)` of the receiver's array. `values`
 * is valid during the call only.
 */
export type Use<T> = (values: T, target: T, start: number) => void;

/** `value` modulo `size`, never negative. */
export function wrap(value: number, size: number): number {
  return ((value % size) + size) % size;
}

/** Steps of a part of an algorithm lie apart from those of the others. */
export const STEPS_APART = 1 << 20;

/** Some ranks of a port as a world of their own; `ranks[i]` is its rank i. */
export function subPort(
  port: Port,
  ranks: readonly number[],
  section: number,
): Port {
  const steps = section * STEPS_APART;
  return {
    rank: ranks.indexOf(port.rank),
    size: ranks.length,
    nodes: ranks.map((rank) => port.nodes[rank]!),
    send: (to, step, values, start, end) =>
      port.send(ranks[to]!, steps + step, values, start, end),
    receive: (from, step, into, use) =>
      port.receive(ranks[from]!, steps + step, into, use),
    receiveBytes: (from, step) => port.receiveBytes(ranks[from]!, steps + step),
    sent: () => port.sent(),
    scratch: (like, length) => port.scratch(like, length),
  };
}
