import type { Command, DispatchCommand, Section } from "./commands.ts";
import type { Device } from "./device.ts";

/** What is timed: all commands of a section together, or each dispatch apart. */
export type TimingLevel = "section" | "dispatch";

/** One timed section or dispatch. */
export interface Timing {
  readonly label: string;
  /** Milliseconds on the GPU's clock. */
  readonly start: number;
  readonly end: number;
  readonly milliseconds: number;
  /** Of one dispatch: its operations and bytes, and whether copies run between it and the one before. */
  readonly flops: number;
  readonly bytes: number;
  readonly afterCopies: boolean;
  /** Piece of the program. */
  readonly piece: number;
}

/** Where a pass writes its two timestamps. */
export interface TimingPlace {
  readonly querySet: GPUQuerySet;
  readonly query: number;
}

interface Span {
  readonly key: Section | DispatchCommand;
  readonly label: string;
  readonly piece: number;
  readonly flops: number;
  readonly bytes: number;
  readonly afterCopies: boolean;
}

/** Spans in a query set: WebGPU allows 4096 queries, two a span. */
const SET_SPANS = 2048;
/** Resolved queries start at multiples of 256 bytes. */
const ALIGNMENT = 256;

/** Two timestamps a span: when its first dispatch began and its last one ended. */
export class Timings {
  /** Bytes of one step's timestamps. */
  readonly bytes: number;
  readonly #spans: readonly Span[];
  readonly #sets: GPUQuerySet[] = [];
  readonly #places = new Map<Section | DispatchCommand, TimingPlace>();
  readonly #buffer: GPUBuffer;

  constructor(
    device: Device,
    pieces: readonly (readonly Section[])[],
    level: TimingLevel,
  ) {
    this.#spans = spansOf(pieces, level);
    const count = this.#spans.length;
    for (let first = 0; first < count; first += SET_SPANS) {
      const querySet = device.gpu.createQuerySet({
        type: "timestamp",
        count: 2 * Math.min(SET_SPANS, count - first),
      });
      this.#sets.push(querySet);
      for (let i = 0; i < querySet.count / 2; i++) {
        const { key } = this.#spans[first + i]!;
        this.#places.set(key, { querySet, query: 2 * i });
      }
    }
    this.bytes = Math.ceil(count * 16 / ALIGNMENT) * ALIGNMENT;
    this.#buffer = device.buffer(
      Math.max(ALIGNMENT, this.bytes),
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    );
  }

  of(key: Section | DispatchCommand): TimingPlace | undefined {
    return this.#places.get(key);
  }

  /** Copies the timestamps of everything encoded so far. */
  copy(encoder: GPUCommandEncoder, to: GPUBuffer, offset: number): void {
    if (this.bytes === 0) return;
    this.#sets.forEach((set, i) => {
      const start = i * SET_SPANS * 16;
      encoder.resolveQuerySet(set, 0, set.count, this.#buffer, start);
    });
    encoder.copyBufferToBuffer(this.#buffer, 0, to, offset, this.bytes);
  }

  /** Reads what {@linkcode Timings.copy} wrote. */
  parse(bytes: Uint8Array): Timing[] {
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const milliseconds = (query: number) =>
      Number(data.getBigUint64(query * 8, true)) / 1e6;
    return this.#spans.map(({ key: _, ...span }, i) => {
      const start = milliseconds(2 * i);
      const end = milliseconds(2 * i + 1);
      return { ...span, start, end, milliseconds: end - start };
    });
  }

  [Symbol.dispose](): void {
    this.#buffer.destroy();
    for (const set of this.#sets) set.destroy();
  }
}

function spansOf(
  pieces: readonly (readonly Section[])[],
  level: TimingLevel,
): Span[] {
  return pieces.flatMap((sections, piece) =>
    level === "section"
      ? sections.filter(({ dispatches }) => dispatches).map((section) => ({
        key: section,
        label: section.label,
        piece,
        flops: 0,
        bytes: 0,
        afterCopies: false,
      }))
      : dispatchSpans(sections.flatMap(({ commands }) => commands), piece)
  );
}

function dispatchSpans(commands: readonly Command[], piece: number): Span[] {
  const spans: Span[] = [];
  commands.forEach((command, i) => {
    if (command.kind !== "dispatch") return;
    const { label, flops, bytes } = command;
    const before = commands[i - 1];
    const afterCopies = before !== undefined && before.kind !== "dispatch";
    spans.push({ key: command, label, piece, flops, bytes, afterCopies });
  });
  return spans;
}
