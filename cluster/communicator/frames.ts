import type { PartialHead } from "../links/mod.ts";
import { CollectiveMismatchError } from "./errors.ts";
import { fromPlain, type PlainError, toPlain } from "./plain_error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const NOTHING = new Uint8Array(0);

/** A head without content, for frames that carry none. */
export const BLANK: PartialHead = {
  purpose: 0,
  attempt: 0,
  sequence: 0,
  operation: 0,
  step: 0,
  segment: 0,
  total: 0,
  context: 0,
  signature: 0,
};

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** An error as the payload of an abort frame. */
export function encodeError(error: Error): Uint8Array {
  return encoder.encode(JSON.stringify(toPlain(error)));
}

/** `undefined` if the payload is no error. */
export function decodeError(payload: Uint8Array): Error | undefined {
  try {
    return fromPlain(JSON.parse(decoder.decode(payload)) as PlainError);
  } catch {
    return undefined;
  }
}

/** The error for two ranks whose calls with the same number differ. */
export function mismatch(
  number: number,
  a: { rank: number; call: string },
  b: { rank: number; call: string },
): CollectiveMismatchError {
  const [first, second] = a.rank < b.rank ? [a, b] : [b, a];
  return new CollectiveMismatchError(
    `Cannot match call ${number} of ranks ${first.rank} and ${second.rank}: rank ${first.rank} called ${first.call}, rank ${second.rank} called ${second.call}`,
  );
}
