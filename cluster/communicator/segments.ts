/** Bytes of a segment: enough to keep all links busy, few enough frames. */
const SMALLEST_SEGMENT = 256 * 1024;
const LARGEST_SEGMENT = 1024 * 1024;

export interface SegmentLimits {
  /** Most bytes that fit one frame. */
  maxPayload: number;
  /** Fixed size, for tests. */
  segmentBytes?: number | undefined;
}

/** Bytes per segment for a message; a multiple of 8, so that elements stay whole. */
export function segmentBytesFor(bytes: number, limits: SegmentLimits): number {
  const wished = limits.segmentBytes ??
    Math.min(Math.max(bytes, SMALLEST_SEGMENT), LARGEST_SEGMENT);
  const size = Math.min(wished, limits.maxPayload);
  return Math.max(8, size - size % 8);
}
