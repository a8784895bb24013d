import { bytesPerElement, JSON_CODE, typeOfCode } from "./elements.ts";
import type { ElementType } from "./elements.ts";

/** Matches messages of every sender (`MPI_ANY_SOURCE`). */
export const ANY_SOURCE = -1;
/** Matches messages with every tag (`MPI_ANY_TAG`). */
export const ANY_TAG = -1;
/** Largest tag (`MPI_TAG_UB`). */
export const LARGEST_TAG = 2 ** 31 - 1;

/** What is known of a message before it is received (`MPI_Status`). */
export interface Envelope {
  /** Rank of the sender in this communicator. */
  source: number;
  tag: number;
  /** Type of the elements, or `json` for a value. */
  type: ElementType | "json";
  /** Number of elements; bytes of text for JSON. */
  length: number;
}

/** What a receive or probe looks for. */
export interface Pattern {
  /** {@linkcode ANY_SOURCE} for any. */
  from: number;
  /** {@linkcode ANY_TAG} for any. */
  tag: number;
}

export function matches(pattern: Pattern, envelope: Envelope): boolean {
  return (pattern.from === ANY_SOURCE || pattern.from === envelope.source) &&
    (pattern.tag === ANY_TAG || pattern.tag === envelope.tag);
}

export function envelopeOf(
  source: number,
  tag: number,
  code: number,
  bytes: number,
): Envelope {
  const type = code === JSON_CODE ? "json" : typeOfCode(code);
  const size = type === "json" ? 1 : bytesPerElement(type);
  return { source, tag, type, length: bytes / size };
}

/** "from rank 2 with tag 7" */
export function describePattern({ from, tag }: Pattern): string {
  const who = from === ANY_SOURCE ? "from any rank" : `from rank ${from}`;
  return tag === ANY_TAG ? who : `${who} with tag ${tag}`;
}
