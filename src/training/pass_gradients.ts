import type { Program, Tensor } from "../gpu/mod.ts";
import type { NamedTensors, ParameterSet } from "../model/mod.ts";
import { accumulate, zero } from "../ops/mod.ts";

/**
 * Where the backward pass of one micro-batch writes its gradients: the first
 * pass into the sum itself, a later one into scratch that {@linkcode
 * PassGradients.ready} adds to the sum, a segment at a time.
 */
export class PassGradients implements NamedTensors {
  readonly #program: Program;
  readonly #sum: ParameterSet;
  readonly #first: boolean;
  readonly #parts = new Map<number, Tensor>();

  constructor(program: Program, sum: ParameterSet, first: boolean) {
    this.#program = program;
    this.#sum = sum;
    this.#first = first;
  }

  get(name: string, shape?: readonly number[]): Tensor {
    if (this.#first) return this.#sum.get(name, shape);
    const segment = this.#sum.segmentOf(name);
    let part = this.#parts.get(segment);
    if (part === undefined) {
      part = this.#program.scratch([this.#sum.segments[segment]!.length]);
      // The padding between parameters stays 0 in the sum.
      zero(this.#program, part);
      this.#parts.set(segment, part);
    }
    return this.#sum.within(part, name, shape);
  }

  /** All gradients of a group are recorded. */
  ready(group: string): void {
    for (const [segment, part] of this.#parts) {
      if (!inGroup(this.#sum.segments[segment]!.name, group)) continue;
      accumulate(this.#program, { sum: this.#sum.tensors[segment]!, part });
      this.#program.release(part);
      this.#parts.delete(segment);
    }
  }
}

/** Whether a segment holds parameters of a group: `heads`, `norm`, `blocks.i`, `embeddings`. */
export function inGroup(segment: string, group: string): boolean {
  return segment === group || segment.startsWith(`${group}.`);
}
