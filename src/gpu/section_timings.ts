import type { Section } from "./commands.ts";
import type { Device } from "./device.ts";
import type { Readback } from "./readback.ts";

/** Two timestamps a section: when its first dispatch began and its last one ended. */
export class SectionTimings {
  readonly querySet: GPUQuerySet;
  readonly #device: Device;
  readonly #buffer: GPUBuffer;
  readonly #labels: readonly string[];
  readonly #queries = new Map<Section, number>();

  constructor(device: Device, sections: readonly Section[]) {
    this.#device = device;
    this.#labels = sections.map(({ label }) => label);
    sections.forEach((section, i) => this.#queries.set(section, 2 * i));
    this.querySet = device.gpu.createQuerySet({
      type: "timestamp",
      count: sections.length * 2,
    });
    this.#buffer = device.buffer(
      sections.length * 16,
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    );
  }

  /** Where a section writes its two timestamps. */
  of(section: Section): { querySet: GPUQuerySet; query: number } | undefined {
    const query = this.#queries.get(section);
    return query === undefined ? undefined : { querySet: this.querySet, query };
  }

  resolve(encoder: GPUCommandEncoder): void {
    const { querySet } = this;
    encoder.resolveQuerySet(querySet, 0, querySet.count, this.#buffer, 0);
  }

  /** GPU milliseconds of each section at the last resolve. */
  read(readback: Readback): { label: string; milliseconds: number }[] {
    const encoder = this.#device.gpu.createCommandEncoder();
    const bytes = this.#labels.length * 16;
    encoder.copyBufferToBuffer(this.#buffer, 0, readback.buffer, 0, bytes);
    this.#device.gpu.queue.submit([encoder.finish()]);
    const stamps = new BigUint64Array(this.#labels.length * 2);
    readback.read(new Uint8Array(stamps.buffer));
    return this.#labels.map((label, i) => ({
      label,
      milliseconds: Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6,
    }));
  }

  [Symbol.dispose](): void {
    this.#buffer.destroy();
    this.querySet.destroy();
  }
}
