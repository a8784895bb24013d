import { type Device, type MemoryKind, type Tensor, view } from "../gpu/mod.ts";
import type { ParameterSpec, Segment } from "./segments.ts";

/** Values by timm name. */
export type NamedValues = Map<
  string,
  { shape: readonly number[]; data: Float32Array<ArrayBuffer> }
>;

/** Tensors by parameter name: a {@linkcode ParameterSet}, or scratch in its place. */
export interface NamedTensors {
  /** The tensor under the parameter's own shape, or another of the same size. */
  get(name: string, shape?: readonly number[]): Tensor;
}

/**
 * One value per parameter on the GPU: the parameters themselves, their
 * gradients, an optimizer moment or a moving average. All sets of a model have
 * the same layout, so one dispatch updates a segment of several sets.
 */
export class ParameterSet implements NamedTensors {
  readonly segments: readonly Segment[];
  /** One buffer per segment, `[segment.length]`. */
  readonly tensors: readonly Tensor[];
  readonly #device: Device;
  readonly #places = new Map<
    string,
    { segment: number; spec: ParameterSpec }
  >();

  /** Starts at 0. */
  constructor(
    device: Device,
    segments: readonly Segment[],
    kind: MemoryKind = "parameters",
  ) {
    this.#device = device;
    this.segments = segments;
    this.tensors = device.memory.as(
      kind,
      () => segments.map(({ length }) => device.tensor([length])),
    );
    segments.forEach(({ parameters }, segment) => {
      for (const spec of parameters) {
        this.#places.set(spec.name, { segment, spec });
      }
    });
  }

  get names(): string[] {
    return [...this.#places.keys()];
  }

  /** The parameter under its own shape, or another of the same size. */
  get(name: string, shape?: readonly number[]): Tensor {
    const { segment, spec } = this.#place(name);
    return view(this.tensors[segment]!, shape ?? spec.shape, spec.offset);
  }

  segmentOf(name: string): number {
    return this.#place(name).segment;
  }

  write(name: string, values: Float32Array): void {
    this.#device.write(this.get(name), values);
  }

  /** Overwrites the parameters that `values` names. */
  writeAll(values: NamedValues): void {
    for (const [name, { data }] of values) this.write(name, data);
  }

  async read(): Promise<NamedValues> {
    const values: NamedValues = new Map();
    for (const [i, { parameters }] of this.segments.entries()) {
      const data = await this.#device.read(this.tensors[i]!);
      for (const { name, shape, offset, length } of parameters) {
        values.set(name, { shape, data: data.slice(offset, offset + length) });
      }
    }
    return values;
  }

  /** Copies all values of another set of the same layout, on the GPU. */
  copyFrom(other: ParameterSet): void {
    this.#device.run((program) => {
      other.tensors.forEach((from, i) => program.copy(from, this.tensors[i]!));
    });
  }

  [Symbol.dispose](): void {
    for (const { buffer } of this.tensors) buffer.destroy();
  }

  #place(name: string) {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`No parameter is named ${name}`);
    return place;
  }
}

/** Elements for which one value says whether weight decay applies. */
const DECAY_RUN = 64;

/** For each run of 64 elements of a segment, 1 where weight decay applies, else 0. */
export function decayMask(segment: Segment): Float32Array<ArrayBuffer> {
  const mask = new Float32Array(segment.length / DECAY_RUN);
  for (const { offset, length, decays } of segment.parameters) {
    if (!decays) continue;
    mask.fill(1, offset / DECAY_RUN, Math.ceil((offset + length) / DECAY_RUN));
  }
  return mask;
}
