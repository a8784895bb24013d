/** What buffers and textures are for, as `plan` lists them. */
export const MEMORY_KINDS = [
  "parameters",
  "gradients",
  "optimizer",
  "average",
  "activations",
  "textures",
  "images",
  "staging",
  "other",
] as const;
export type MemoryKind = typeof MEMORY_KINDS[number];

/** Bytes by kind; kinds without any are left out. */
export type MemoryUse = Readonly<Partial<Record<MemoryKind, number>>>;

/** Counts the bytes of a device's buffers and textures: created minus destroyed. */
export class DeviceMemory {
  readonly #live = new Map<MemoryKind, number>();
  #kind: MemoryKind = "other";
  #bytes = 0;
  #peak = 0;
  #atPeak: MemoryUse = {};

  /** Bytes alive now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Most bytes alive at once since the last {@linkcode DeviceMemory.restart}. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** What was alive at the peak. */
  get atPeak(): MemoryUse {
    return this.#atPeak;
  }

  /** What is alive now. */
  get use(): MemoryUse {
    return Object.fromEntries([...this.#live].filter(([, bytes]) => bytes > 0));
  }

  /** Counts what `make` creates under a kind; the innermost call wins. */
  as<T>(kind: MemoryKind, make: () => T): T {
    const outer = this.#kind;
    this.#kind = kind;
    try {
      return make();
    } finally {
      this.#kind = outer;
    }
  }

  /** Counts a new buffer or texture until it is destroyed. */
  track<T extends { destroy(): void }>(made: T, bytes: number): T {
    const kind = this.#kind;
    this.#add(kind, bytes);
    const destroy = made.destroy.bind(made);
    let alive = true;
    made.destroy = () => {
      if (alive) this.#add(kind, -bytes);
      alive = false;
      return destroy();
    };
    return made;
  }

  /** The next peak starts from what is alive now. */
  restart(): void {
    this.#peak = this.#bytes;
    this.#atPeak = this.use;
  }

  #add(kind: MemoryKind, bytes: number): void {
    this.#live.set(kind, (this.#live.get(kind) ?? 0) + bytes);
    this.#bytes += bytes;
    if (this.#bytes <= this.#peak) return;
    this.#peak = this.#bytes;
    this.#atPeak = this.use;
  }
}

/** `1.2 GB: activations 0.9 GB, …`, the largest first. */
export function describeUse(bytes: number, use: MemoryUse): string {
  const parts = MEMORY_KINDS.filter((kind) => use[kind] !== undefined)
    .sort((a, b) => use[b]! - use[a]!)
    .map((kind) => `${kind} ${megabytes(use[kind]!)}`);
  return `${megabytes(bytes)} (${parts.join(", ")})`;
}

function megabytes(bytes: number): string {
  const mb = bytes / 1e6;
  return `${mb >= 100 ? mb.toFixed(0) : mb.toFixed(1)} MB`;
}
