import {
  type Device,
  type Program,
  Readback,
  type Tensor,
} from "../gpu/mod.ts";
import { packBlocks, packedGroups, unpackBlocks } from "../ops/mod.ts";
import { BLOCKS, type Communicator } from "./communicator.ts";
import { shareOf, shareOffsets } from "./division.ts";
import type { Bucket } from "./exchange.ts";

/**
 * Gradients that travel together in 8 bits each, packed on the GPU, with error
 * feedback: what rounding takes from a rank's gradients is added to those of its
 * next step, and what it takes from the sums to the next sums. So every part of a
 * gradient arrives, at the latest some steps later (Karimireddy et al. 2019).
 */
export class BlockBucket implements Bucket {
  readonly readback: Readback;
  readonly #device: Device;
  readonly #communicator: Communicator;
  readonly #tensors: readonly Tensor[];
  readonly #scale: Tensor;
  /** u32; each tensor begins with a group. */
  readonly #packed: Tensor;
  /** What this rank's gradients still miss. */
  readonly #residual: Tensor;
  readonly #blocks: Uint32Array<SharedArrayBuffer>;
  /** What the own part of the sums still misses. */
  readonly #carry: Float32Array<SharedArrayBuffer>;

  /** Records the packing and the copy to the host; `scale` is the loss scale. */
  constructor(
    program: Program,
    communicator: Communicator,
    { tensors, scale }: { tensors: readonly Tensor[]; scale: Tensor },
  ) {
    const { device } = program;
    this.#device = device;
    this.#communicator = communicator;
    this.#tensors = tensors;
    this.#scale = scale;
    const groups = tensors.reduce(
      (sum, { length }) => sum + packedGroups(length),
      0,
    );
    const words = groups * BLOCKS.groupWords;
    const values = groups * BLOCKS.groupValues;
    this.#packed = program.scratch([words], "u32");
    // Holds the sums from one piece to a later one, while others are computed.
    program.pin(this.#packed);
    this.#residual = device.memory.as(
      "optimizer",
      () => device.tensor([values]),
    );
    this.#eachTensor((tensor, first) =>
      packBlocks(program, {
        tensor,
        packed: this.#packed,
        first,
        scale,
        residual: this.#residual,
      })
    );
    this.readback = new Readback(device, words * 4);
    program.copy(this.#packed, this.readback);
    this.#blocks = new Uint32Array(communicator.allocate(words).buffer);
    this.#carry = communicator.allocate(values);
  }

  get bytes(): number {
    return this.#blocks.byteLength;
  }

  take(): void {
    this.readback.take(new Uint8Array(this.#blocks.buffer));
  }

  sum(): Promise<void> {
    return this.#communicator.allReduceBlocks(this.#blocks, this.#carry);
  }

  write(): void {
    this.#device.write(this.#packed, this.#blocks);
  }

  recordSums(program: Program): void {
    const [packed, scale] = [this.#packed, this.#scale];
    this.#eachTensor((tensor, first) =>
      unpackBlocks(program, { tensor, packed, first, scale })
    );
  }

  /**
   * What is still missing: the residuals of all ranks, then the carries. Every rank
   * of the communicator calls it; one alone tells its own.
   */
  async gatherMissing(communicator: Communicator): Promise<Float32Array[]> {
    const { rank, size } = communicator;
    const { length } = this.#residual;
    const residuals = communicator.allocate(size * length);
    residuals.set(await this.#device.read(this.#residual), rank * length);
    await communicator.allGather(
      residuals,
      shareOffsets(size * length, size),
    );
    const carry = communicator.allocate(length);
    carry.set(this.#carry);
    const offsets = shareOffsets(length / BLOCKS.groupValues, size);
    await communicator.allGather(
      carry,
      offsets.map((group) => group * BLOCKS.groupValues),
    );
    const each = Array.from(
      { length: size },
      (_, r) => residuals.slice(r * length, (r + 1) * length),
    );
    return [...each, carry.slice()];
  }

  /** Takes over what {@linkcode BlockBucket.gatherMissing} told, perhaps on another number of ranks. */
  restoreMissing(missing: readonly Float32Array[]): void {
    const { rank, size } = this.#communicator;
    const { length } = this.#residual;
    const carry = missing.at(-1)!;
    this.#carry.fill(0);
    const [first, end] = shareOf(length / BLOCKS.groupValues, rank, size)
      .map((group) => group * BLOCKS.groupValues) as [number, number];
    this.#carry.set(carry.subarray(first, end), first);
    const residual = new Float32Array(length);
    for (let r = rank; r < missing.length - 1; r += size) {
      missing[r]!.forEach((value, i) => residual[i]! += value);
    }
    this.#device.write(this.#residual, residual);
  }

  [Symbol.dispose](): void {
    this.#residual.buffer.destroy();
  }

  #eachTensor(action: (tensor: Tensor, first: number) => void): void {
    let first = 0;
    for (const tensor of this.#tensors) {
      action(tensor, first);
      first += packedGroups(tensor.length);
    }
  }
}
