import { CollectiveMismatchError } from "../errors.ts";

/** Numbers that stand for the collectives in frames. */
export const CODES = {
  barrier: 1,
  broadcast: 2,
  "all-reduce": 3,
  "all-gather": 4,
} as const;
export type CollectiveName = keyof typeof CODES;

/** Data that another rank has sent for a collective. */
export interface Piece {
  from: number;
  step: number;
  /** Place of the values in the buffer, in elements. */
  start: number;
  values: Float32Array;
}

/** What a collective needs of the world. */
export interface Port {
  readonly rank: number;
  readonly size: number;
  /** Sends the elements `[start, end)` of the collective's buffer in segments. */
  send(to: number, step: number, start: number, end: number): void;
}

/**
 * One call of a collective, driven by what arrives. Data arrives exactly once,
 * but in any order. A collective may change elements that it has sent only after
 * data has arrived that proves that the receiver has used them.
 */
export interface Collective {
  readonly name: CollectiveName;
  readonly buffer: Float32Array;
  /** All that this rank waits for has arrived. */
  readonly complete: boolean;
  /** Ranks whose data is awaited directly. */
  readonly sources: readonly number[];
  start(port: Port): void;
  /** @throws {CollectiveMismatchError} If the piece belongs to another call. */
  receive(piece: Piece, port: Port): void;
}

/** The error for a piece that does not fit the call made here. */
export function unexpected(name: CollectiveName, piece: Piece): Error {
  const end = piece.start + piece.values.length;
  return new CollectiveMismatchError(
    `Cannot use elements ${piece.start} to ${end} of step ${piece.step} from rank ${piece.from}: they do not belong to this ${name}`,
  );
}

/** `value` modulo `size`, never negative. */
export function wrap(value: number, size: number): number {
  return ((value % size) + size) % size;
}
