/** Shorter segments cost more than their overlap brings. */
const SMALLEST_SEGMENT = 256 * 1024;
/** Segments of a chunk: some travel on while others arrive. */
const PIPELINE_DEPTH = 4;

export interface SegmentLimits {
  /** Most bytes that fit one frame. */
  maxPayload: number;
  /** Bytes of a segment above which the link gets no faster; may change. */
  usefulPayload: () => number;
  /** Fixed size, for tests. */
  segmentBytes?: number | undefined;
}

/** Bytes per segment for a message; a multiple of 8, so that elements stay whole. */
export function segmentBytesFor(bytes: number, limits: SegmentLimits): number {
  const wished = limits.segmentBytes ??
    Math.min(
      Math.max(bytes / PIPELINE_DEPTH, SMALLEST_SEGMENT),
      limits.usefulPayload(),
    );
  const size = Math.floor(Math.min(wished, limits.maxPayload));
  return Math.max(8, size - size % 8);
}
