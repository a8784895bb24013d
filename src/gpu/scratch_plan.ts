/** From when to when a scratch tensor is in use, in the order of a recording. */
export interface Lifetime {
  bytes: number;
  start: number;
  /** Infinity when it is never given back. */
  end: number;
}

/** Which buffer each scratch tensor of a program lies in. */
export interface ScratchPlan {
  /** Bytes of each buffer. */
  readonly sizes: readonly number[];
  /** Bytes and buffer of each tensor, in the order of recording. */
  readonly tensors: readonly { bytes: number; buffer: number }[];
}

/**
 * Shares buffers among tensors whose lifetimes do not meet: the largest tensors
 * choose first, each the smallest buffer that is free for as long as it lives
 * (greedy by size, Pisarchyk and Lee 2020).
 */
export function planScratch(lifetimes: readonly Lifetime[]): ScratchPlan {
  const order = lifetimes.map((_, i) => i)
    .sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes);
  /** Tenants in the order of time. */
  const buffers: { size: number; tenants: Lifetime[] }[] = [];
  const chosen = new Array<number>(lifetimes.length);
  for (const i of order) {
    const lifetime = lifetimes[i]!;
    // Sizes fall, so the last one that is free is the smallest.
    let place = -1;
    let buffer = buffers.findLastIndex(({ tenants }) => {
      place = placeAmong(tenants, lifetime);
      return place >= 0;
    });
    if (buffer < 0) {
      buffer = buffers.push({ size: lifetime.bytes, tenants: [] }) - 1;
      place = 0;
    }
    buffers[buffer]!.tenants.splice(place, 0, lifetime);
    chosen[i] = buffer;
  }
  return {
    sizes: buffers.map(({ size }) => size),
    tensors: lifetimes.map(({ bytes }, i) => ({ bytes, buffer: chosen[i]! })),
  };
}

/** Where a lifetime fits between those of other tensors; -1 when it meets one. */
function placeAmong(
  tenants: readonly Lifetime[],
  { start, end }: Lifetime,
): number {
  let [low, high] = [0, tenants.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tenants[middle]!.start < start) low = middle + 1;
    else high = middle;
  }
  const free = (tenants[low - 1]?.end ?? 0) <= start &&
    end <= (tenants[low]?.start ?? Infinity);
  return free ? low : -1;
}
