import {
  type Device,
  type Program,
  Readback,
  type Tensor,
} from "../gpu/mod.ts";
import {
  type HalfType,
  packedWords,
  packWire,
  unpackWire,
} from "../ops/mod.ts";
import type { Communicator, Summands } from "./communicator.ts";
import type { Bucket } from "./exchange.ts";

/**
 * Gradients that travel together in 16 bits each. They are packed before they
 * leave the GPU and unpacked when they are back, so that both copies halve too.
 *
 * Sums beyond the range of f16 are infinite on all ranks, and the guard of the
 * step skips the update.
 */
export class PackedBucket implements Bucket {
  readonly readback: Readback;
  readonly #device: Device;
  readonly #communicator: Communicator;
  readonly #tensors: readonly Tensor[];
  readonly #type: HalfType;
  /** u32; each tensor begins with a word. */
  readonly #packed: Tensor;
  readonly #words: Uint32Array<SharedArrayBuffer>;
  readonly #values: Summands;

  /** Records the packing and the copy to the host. */
  constructor(
    program: Program,
    communicator: Communicator,
    { tensors, type }: { tensors: readonly Tensor[]; type: HalfType },
  ) {
    this.#device = program.device;
    this.#communicator = communicator;
    this.#tensors = tensors;
    this.#type = type;
    const words = tensors.reduce(
      (sum, { length }) => sum + packedWords(length),
      0,
    );
    this.#packed = program.scratch([words], "u32");
    // Holds the sums from one piece to a later one, while others are computed.
    program.pin(this.#packed);
    this.#eachTensor((tensor, first) =>
      packWire(program, { tensor, packed: this.#packed, first, type })
    );
    this.readback = new Readback(program.device, words * 4);
    program.copy(this.#packed, this.readback);
    const { buffer } = communicator.allocate(words);
    this.#words = new Uint32Array(buffer);
    this.#values = type === "f16"
      ? new Float16Array(buffer)
      : new Uint16Array(buffer);
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  take(): void {
    this.readback.take(new Uint8Array(this.#words.buffer));
  }

  sum(): Promise<void> {
    return this.#communicator.allReduce(this.#values);
  }

  write(): void {
    this.#device.write(this.#packed, this.#words);
  }

  recordSums(program: Program): void {
    const [packed, type] = [this.#packed, this.#type];
    this.#eachTensor((tensor, first) =>
      unpackWire(program, { tensor, packed, first, type })
    );
  }

  #eachTensor(action: (tensor: Tensor, first: number) => void): void {
    let first = 0;
    for (const tensor of this.#tensors) {
      action(tensor, first);
      first += packedWords(tensor.length);
    }
  }
}
