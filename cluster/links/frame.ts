import { crc32 } from "node:zlib";

/** Bytes in front of the payload; a multiple of 8 keeps elements aligned. */
export const HEAD_BYTES = 56;

const MAGIC = 0x32_4e_47_53; // "SGN2"
const CRC_AT = 52;

export const FRAME = {
  /** A piece of an operation or message; delivered exactly once. */
  data: 1,
  /** What has arrived, and how much more may be sent. */
  ack: 2,
  /** Asks how far a rank has come in a context; tells the call that waits. */
  query: 3,
  /** Answer to a query: `operation` operations entered. */
  status: 4,
  /** The sender has failed, and with it the whole world: the error. */
  abort: 5,
} as const;

/** Identity of the world that a frame belongs to; frames of others are dropped. */
export interface World {
  /** Hash of the run's id. */
  run: number;
  /** Rises each time the set of ranks changes. */
  generation: number;
}

/** All numbers are unsigned 32-bit unless said otherwise. */
export interface FrameHead extends World {
  /** One of {@linkcode FRAME}, 8 bits. */
  kind: number;
  /** What the payload is for, 8 bits; the layer above says. */
  purpose: number;
  /** Sending rank, 16 bits. */
  from: number;
  /** Receiving rank; not written, but part of the checksum. */
  to: number;
  /** Times this frame was sent before; acknowledgements echo it. */
  attempt: number;
  /** Position in the stream from one rank to another. */
  sequence: number;
  /** Number of the operation or message within its context. */
  operation: number;
  /** Which of the operation's messages; the tag of a message. */
  step: number;
  /** Place of the payload in its message, in bytes. */
  segment: number;
  /** Length of the message, in bytes. */
  total: number;
  /** Communicator that the operation belongs to. */
  context: number;
  /** Hash of the call, so that ranks that make different ones notice. */
  signature: number;
}

/** Heads of frames without the fields that are the same for all. */
export type PartialHead = Omit<
  FrameHead,
  "run" | "generation" | "from" | "to" | "kind"
>;

/** Hash of a run's id for {@linkcode World.run}. */
export function runHash(id: string): number {
  return crc32(id);
}

/**
 * Writes the head of a frame, with the CRC-32 over head and payload. The sum
 * begins with the receiver, so that a frame that has gone astray on the way is
 * corrupt where it arrives: a flipped bit may change the subject of a message.
 */
export function encodeHead(
  head: FrameHead,
  payload: Uint8Array,
  into: Uint8Array,
): void {
  const view = new DataView(into.buffer, into.byteOffset, HEAD_BYTES);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, head.run, true);
  view.setUint32(8, head.generation, true);
  view.setUint8(12, head.kind);
  view.setUint8(13, head.purpose);
  view.setUint16(14, head.from, true);
  view.setUint32(16, head.attempt, true);
  view.setUint32(20, head.sequence, true);
  view.setUint32(24, head.operation, true);
  view.setUint32(28, head.step, true);
  view.setUint32(32, head.segment, true);
  view.setUint32(36, head.total, true);
  view.setUint32(40, payload.length, true);
  view.setUint32(44, head.context, true);
  view.setUint32(48, head.signature, true);
  const crc = crc32(payload, crc32(into.subarray(0, CRC_AT), head.to));
  view.setUint32(CRC_AT, crc, true);
}

/** Why a frame was not accepted. */
export type FrameFault = "foreign" | "stale" | "corrupt";

/** Whether bytes begin as a frame does, of whatever run. */
export function beginsFrame(bytes: Uint8Array): boolean {
  if (bytes.length < HEAD_BYTES) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  return view.getUint32(0, true) === MAGIC;
}

/** Who says to have sent a frame, before it is checked. */
export function senderOf(bytes: Uint8Array): number | undefined {
  if (!beginsFrame(bytes)) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(14, true);
}

/**
 * Reads a frame that anyone may have written, on rank `to`.
 *
 * `corrupt`: length or CRC-32 is wrong, or it was for another rank. `foreign`: not a frame of this run.
 * `stale`: of another generation of this run.
 */
export function decodeFrame(
  bytes: Uint8Array,
  world: World,
  to: number,
): { head: FrameHead; payload: Uint8Array } | FrameFault {
  if (!beginsFrame(bytes)) return "foreign";
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_BYTES);
  const payload = bytes.subarray(HEAD_BYTES);
  if (view.getUint32(40, true) !== payload.length) return "corrupt";
  const crc = crc32(payload, crc32(bytes.subarray(0, CRC_AT), to));
  if (view.getUint32(CRC_AT, true) !== crc) return "corrupt";
  const head: FrameHead = {
    run: view.getUint32(4, true),
    generation: view.getUint32(8, true),
    kind: view.getUint8(12),
    purpose: view.getUint8(13),
    from: view.getUint16(14, true),
    to,
    attempt: view.getUint32(16, true),
    sequence: view.getUint32(20, true),
    operation: view.getUint32(24, true),
    step: view.getUint32(28, true),
    segment: view.getUint32(32, true),
    total: view.getUint32(36, true),
    context: view.getUint32(44, true),
    signature: view.getUint32(48, true),
  };
  if (head.run !== world.run) return "foreign";
  if (head.generation !== world.generation) return "stale";
  return { head, payload };
}
