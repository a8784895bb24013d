/** How a link is used; equal on all ranks. */
export interface Flow {
  /** Connections side by side. */
  lanes: number;
  /** Bytes of a segment above which the link gets no faster. */
  segmentBytes: number;
  /** Bytes on the way to one rank in a lane. */
  windowBytes: number;
  /** Up to here all-reduce goes along a tree, above around the ring. */
  treeBytes: number;
}

/** Lane of frames that must not wait behind data. */
export const APART = -1;

/** A link whose use is measured and chosen. */
export interface TunableLink extends Link {
  /** How it is used; lanes must be open on all ranks first. */
  flow: Flow;
  /** Opens lanes up to this number. */
  openLanes(count: number): Promise<void>;
}

/**
 * Carries frames between the ranks of a run.
 *
 * A link may lose, repeat and reorder frames, never more: what arrives is
 * delivered to the rank it was sent to. Everything else (order, repetition,
 * flow control) is the work of the {@linkcode Channel}s above it.
 */
export interface Link {
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** Largest frame, in bytes. */
  readonly maxFrame: number;
  /** Connections side by side; frames overtake only those of other lanes. */
  readonly lanes: number;
  /** Bytes of a frame above which the link gets no faster. */
  readonly usefulFrame: number;
  /** Bytes on the way to one rank in a lane; those of `WINDOW_BYTES` by default. */
  readonly windowBytes?: number;
  /** Up to here all-reduce goes along a tree, if the link knows. */
  readonly treeBytes?: number;
  readonly counts: LinkCounts;
  /** Sets who receives; called once, before the first frame. */
  listen(receiver: LinkReceiver): void;
  /**
   * Sends `head` followed by `body` as one frame in a lane, counted modulo their
   * number, or {@linkcode APART}. The head is copied before the
   * call returns; the body is read later: when it changes before it has left,
   * the frame arrives with a wrong checksum. A frame that cannot be sent now is
   * lost without an error.
   */
  send(to: number, lane: number, head: Uint8Array, body: Uint8Array): void;
  close(): Promise<void>;
}

/** What has gone wrong below the frames so far, and was made good. */
export interface LinkCounts {
  /** Messages that were larger than any frame, skipped. */
  oversized: number;
  /** Connections that broke and were replaced. */
  reconnects: number;
}

export interface LinkReceiver {
  /** The bytes are only valid during the call. */
  onFrame(bytes: Uint8Array): void;
  /** The link works again after an interruption in which frames were lost. */
  onRestored(): void;
}
