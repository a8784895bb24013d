import type { Device, Program, Tensor } from "../gpu/mod.ts";
import { elements, Readback } from "../gpu/mod.ts";
import type { Communicator } from "./communicator.ts";
import type { OwnedState } from "./owned_state.ts";

/** What the host does between two pieces of the program. */
export type Exchange =
  | { kind: "bucket"; buckets: readonly Bucket[] }
  | { kind: "await" }
  | {
    kind: "gather";
    gather: Gather;
    then: (...rows: Float32Array[]) => void;
  }
  | { kind: "owners"; gather: OwnedState };

/** Tensors that are summed over ranks together. */
export interface Bucket {
  readonly readback: Readback;
  /** What a rank gives. */
  readonly bytes: number;
  /** Copies what its readback has waited for. */
  take(): void;
  /** Sums what was taken, in place. */
  sum(): Promise<void>;
  /** Queues the sums for the GPU. */
  write(): void;
  /** Records what makes tensors of the sums that were written. */
  recordSums(program: Program): void;
}

/** Tensors that travel together, as they are. */
export class ExactBucket implements Bucket {
  readonly readback: Readback;
  /** Values of the host that are summed too. */
  readonly extra: Float32Array<SharedArrayBuffer>;
  readonly #shared: Float32Array<SharedArrayBuffer>;
  readonly #communicator: Communicator;
  readonly #device: Device;
  readonly #tensors: readonly Tensor[];

  /**
   * Records the copies to the host.
   *
   * @param extra Number of values that the host adds.
   */
  constructor(
    program: Program,
    communicator: Communicator,
    tensors: readonly Tensor[],
    extra = 0,
  ) {
    this.#device = program.device;
    this.#communicator = communicator;
    this.#tensors = tensors;
    const length = tensors.reduce((sum, tensor) => sum + tensor.length, 0);
    this.readback = new Readback(program.device, length * 4);
    let offset = 0;
    for (const tensor of tensors) {
      program.copy(tensor, this.readback, offset);
      offset += tensor.length * 4;
    }
    this.#shared = communicator.allocate(length + extra);
    this.extra = this.#shared.subarray(length);
  }

  get bytes(): number {
    return this.#shared.byteLength;
  }

  take(): void {
    const { length } = this.#shared;
    const taken = this.#shared.subarray(0, length - this.extra.length);
    this.readback.take(bytesOf(taken));
  }

  sum(): Promise<void> {
    return this.#communicator.allReduce(this.#shared);
  }

  write(): void {
    let offset = 0;
    for (const tensor of this.#tensors) {
      const end = offset + tensor.length;
      this.#device.write(tensor, this.#shared.subarray(offset, end));
      offset = end;
    }
  }

  recordSums(): void {
    // They are in their tensors already.
  }

  /** The sums of one tensor, or undefined when it is not in this bucket. */
  of(wanted: Tensor): Float32Array | undefined {
    let offset = 0;
    for (const tensor of this.#tensors) {
      const end = offset + tensor.length;
      if (tensor === wanted) return this.#shared.subarray(offset, end);
      offset = end;
    }
    return undefined;
  }
}

/** What a rank gives to a {@linkcode Gather}: `offsets[r]` is the first row of rank r, the last one the number of rows. */
export interface GatherPart {
  local: Tensor;
  offsets: readonly number[];
}

/** Rows of all ranks, in rank order, of one or several tensors. */
export class Gather {
  readonly #communicator: Communicator;
  readonly #parts: readonly {
    readback: Readback;
    shared: Float32Array<SharedArrayBuffer>;
    /** In elements. */
    offsets: readonly number[];
  }[];

  /** Records the copies of the own rows to the host. */
  constructor(
    program: Program,
    communicator: Communicator,
    parts: readonly GatherPart[],
  ) {
    this.#communicator = communicator;
    this.#parts = parts.map(({ local, offsets }) => {
      const width = elements(local.shape.slice(1));
      const readback = new Readback(program.device, local.length * 4);
      program.copy(local, readback);
      return {
        readback,
        shared: communicator.allocate(offsets.at(-1)! * width),
        offsets: offsets.map((row) => row * width),
      };
    });
  }

  get readbacks(): Readback[] {
    return this.#parts.map(({ readback }) => readback);
  }

  /** The rows of each tensor, once they are there. */
  get rows(): Float32Array[] {
    return this.#parts.map(({ shared }) => shared as unknown as Float32Array);
  }

  /** Copies the own rows that the readbacks have waited for. */
  take(): void {
    const { rank } = this.#communicator;
    for (const { readback, shared, offsets } of this.#parts) {
      readback.take(
        bytesOf(shared.subarray(offsets[rank]!, offsets[rank + 1]!)),
      );
    }
  }

  async run(): Promise<void> {
    await Promise.all(
      this.#parts.map(({ shared, offsets }) =>
        this.#communicator.allGather(shared, offsets)
      ),
    );
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
