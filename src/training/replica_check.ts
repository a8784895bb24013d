import { crc32 } from "node:zlib";
import { SignetError } from "../env/mod.ts";
import { type Device, readEach } from "../gpu/mod.ts";
import type { ParameterSet } from "../model/mod.ts";
import type { Communicator } from "./communicator.ts";

/** Ranks hold different parameters: their sums or kernels differ. */
export class ReplicaMismatchError extends SignetError {
  override name = "ReplicaMismatchError";
}

/** Proves that all ranks hold the same bits. */
export class ReplicaCheck {
  readonly #device: Device;
  readonly #communicator: Communicator;
  readonly #hashes: Float32Array<SharedArrayBuffer>;

  constructor(device: Device, communicator: Communicator) {
    this.#device = device;
    this.#communicator = communicator;
    // Two floats a rank, 16 bits each: exact in f32 whatever the link does.
    this.#hashes = communicator.allocate(2 * communicator.size);
  }

  /** @throws {ReplicaMismatchError} Naming the ranks that differ from rank 0. */
  async run(parameters: ParameterSet, at: string): Promise<void> {
    const { rank, size } = this.#communicator;
    if (size === 1) return;
    let hash = 0;
    for await (const values of readEach(this.#device, parameters.tensors)) {
      hash = crc32(new Uint8Array(values.buffer), hash);
    }
    this.#hashes[2 * rank] = hash >>> 16;
    this.#hashes[2 * rank + 1] = hash & 0xffff;
    await this.#communicator.allGather(
      this.#hashes,
      Array.from({ length: size + 1 }, (_, r) => 2 * r),
    );
    const differing = Array.from({ length: size }, (_, r) => r).filter((r) =>
      this.#hashes[2 * r] !== this.#hashes[0] ||
      this.#hashes[2 * r + 1] !== this.#hashes[1]
    );
    if (differing.length > 0) {
      throw new ReplicaMismatchError(
        `Cannot go on ${at}: ranks ${
          differing.join(", ")
        } hold other parameters than rank 0`,
        {
          hint:
            "all ranks need the same driver and adapter (deno task doctor shows them), or train --mixed",
        },
      );
    }
  }
}
