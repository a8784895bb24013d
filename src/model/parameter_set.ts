import {
  type Device,
  type MemoryKind,
  Program,
  readEach,
  type RealType,
  type Tensor,
  view,
} from "../gpu/mod.ts";
import { cast } from "../ops/mod.ts";
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
 *
 * With precision f16 the values stay f32 and the matrices that activations meet
 * are read from f16 copies, which {@linkcode ParameterSet.recordCopies} or an
 * optimizer renews.
 */
export class ParameterSet implements NamedTensors {
  readonly segments: readonly Segment[];
  /** One buffer per segment, `[segment.length]`. */
  readonly tensors: readonly Tensor[];
  /** Type of the activations that these parameters compute. */
  readonly precision: RealType;
  readonly #device: Device;
  /** f16 copies of segments; none of norm and heads, which compute in f32. */
  readonly #copies = new Map<number, Tensor>();
  #renewal: Program | undefined;
  readonly #places = new Map<
    string,
    { segment: number; spec: ParameterSpec }
  >();

  /** Starts at 0. */
  constructor(
    device: Device,
    segments: readonly Segment[],
    kind: MemoryKind = "parameters",
    precision: RealType = "f32",
  ) {
    this.#device = device;
    this.precision = precision;
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
    if (precision === "f32") return;
    segments.forEach(({ name, length }, segment) => {
      if (!/^(blocks|embeddings)/.test(name)) return;
      const copy = device.memory.as(
        kind,
        () => device.tensor([length], undefined, "f16"),
      );
      this.#copies.set(segment, copy);
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

  /** The parameter as products with activations read it: f16 or f32, as the precision says. */
  weight(name: string, shape?: readonly number[]): Tensor {
    const { segment, spec } = this.#place(name);
    const copy = this.#copies.get(segment);
    if (copy === undefined) return this.get(name, shape);
    return view(copy, shape ?? spec.shape, spec.offset);
  }

  /** f16 copy of a segment, which an optimizer may renew as it updates the segment. */
  copyOf(segment: number): Tensor | undefined {
    return this.#copies.get(segment);
  }

  /** Records the renewal of the f16 copies of changed segments; default: of all. */
  recordCopies(program: Program, segments?: readonly number[]): void {
    for (const [segment, output] of this.#copies) {
      if (segments !== undefined && !segments.includes(segment)) continue;
      cast(program, { input: this.tensors[segment]!, output });
    }
  }

  segmentOf(name: string): number {
    return this.#place(name).segment;
  }

  /** The parameter's place in another tensor with the layout of its segment. */
  within(segment: Tensor, name: string, shape?: readonly number[]): Tensor {
    const { spec } = this.#place(name);
    return view(segment, shape ?? spec.shape, spec.offset);
  }

  write(name: string, values: Float32Array): void {
    this.#device.write(this.get(name), values);
    this.#renewCopies();
  }

  /** Sets every value to 0. */
  clear(): void {
    for (const tensor of this.tensors) {
      this.#device.write(tensor, new Float32Array(tensor.length));
    }
    this.#renewCopies();
  }

  /** Overwrites the parameters that `values` names. */
  writeAll(values: NamedValues): void {
    for (const [name, { data }] of values) {
      this.#device.write(this.get(name), data);
    }
    this.#renewCopies();
  }

  async read(): Promise<NamedValues> {
    const values: NamedValues = new Map();
    let segment = 0;
    for await (const data of readEach(this.#device, this.tensors)) {
      const { parameters } = this.segments[segment++]!;
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
    this.#renewCopies();
  }

  [Symbol.dispose](): void {
    for (const { buffer } of this.tensors) buffer.destroy();
    for (const { buffer } of this.#copies.values()) buffer.destroy();
    this.#renewal?.[Symbol.dispose]();
  }

  /** On the GPU, like all other renewals: its rounding need not be the host's. */
  #renewCopies(): void {
    if (this.#copies.size === 0) return;
    if (this.#renewal === undefined) {
      this.#renewal = new Program(this.#device);
      this.recordCopies(this.#renewal);
    }
    this.#renewal.submit();
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
