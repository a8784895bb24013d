/** What the payload of a frame is for. */
export const PURPOSE = {
  /** Acknowledgements, queries and the like. */
  none: 0,
  /** A segment of a message within a collective. */
  call: 1,
  /** The sender has begun a collective and expects long messages. */
  ready: 2,
  /** A short message from rank to rank, whole. */
  message: 3,
  /** A long message waits at its sender. */
  offer: 4,
  /** Its receiver wants it now. */
  accept: 5,
  /** A segment of a message that was accepted. */
  body: 6,
  /** Bytes of short messages that have been received. */
  consumed: 7,
} as const;
