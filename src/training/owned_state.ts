import {
  type Device,
  type Program,
  Readback,
  readEach,
  type Tensor,
} from "../gpu/mod.ts";
import type { Communicator } from "./communicator.ts";

/** What ranks compute alike but not to the last bit, since drivers divide and take roots differently. */
export interface Computed {
  /** Of which rank 0 is the owner. */
  readonly common?: readonly Tensor[];
  /** Of one length each: what belongs to one segment has one owner. */
  readonly sets: readonly (readonly Tensor[])[];
}

/** Such state of which all ranks take over the owner's values. */
export class OwnedState {
  readonly readback: Readback;
  readonly #device: Device;
  readonly #communicator: Communicator;
  readonly #layout: Layout;
  readonly #shared: Float32Array<SharedArrayBuffer>;

  /** Records the copies of what this rank owns to the host. */
  constructor(
    program: Program,
    communicator: Communicator,
    computed: Computed,
  ) {
    const { rank, size } = communicator;
    this.#device = program.device;
    this.#communicator = communicator;
    this.#layout = layOut(computed, size);
    this.#shared = communicator.allocate(this.#layout.offsets.at(-1)!);
    let bytes = 0;
    const own = this.#layout.owned[rank]!;
    this.readback = new Readback(program.device, 4 * valuesOf(own));
    for (const tensor of own) {
      program.copy(tensor, this.readback, bytes);
      bytes += 4 * tensor.length;
    }
  }

  /** Copies the own values that its readback has waited for. */
  take(): void {
    const { rank } = this.#communicator;
    const { offsets } = this.#layout;
    const { buffer, byteOffset, byteLength } = this.#shared.subarray(
      offsets[rank]!,
      offsets[rank + 1]!,
    );
    this.readback.take(new Uint8Array(buffer, byteOffset, byteLength));
  }

  run(): Promise<void> {
    return this.#communicator.allGather(this.#shared, this.#layout.offsets);
  }

  /** Queues the values of the other owners for the GPU. */
  write(): void {
    const { rank } = this.#communicator;
    writeOthers(this.#device, rank, this.#layout, this.#shared);
  }
}

/** Takes over the owners' values once; every rank of the communicator calls it. */
export async function takeFromOwners(
  device: Device,
  communicator: Communicator,
  computed: Computed,
): Promise<void> {
  const { rank, size } = communicator;
  if (size === 1) return;
  const layout = layOut(computed, size);
  const shared = communicator.allocate(layout.offsets.at(-1)!);
  let at = layout.offsets[rank]!;
  for await (const values of readEach(device, layout.owned[rank]!)) {
    shared.set(values, at);
    at += values.length;
  }
  await communicator.allGather(shared, layout.offsets);
  writeOthers(device, rank, layout, shared);
}

interface Layout {
  /** Tensors of each rank. */
  readonly owned: readonly (readonly Tensor[])[];
  /** First value of each rank among those of all, and their number. */
  readonly offsets: readonly number[];
}

/** Whole segments, in order, so that all ranks own about as many values. */
function layOut({ common = [], sets }: Computed, size: number): Layout {
  const segments = sets[0]!;
  const total = valuesOf(segments);
  const owners: number[] = [];
  let before = 0;
  for (const { length } of segments) {
    owners.push(Math.floor((before + length / 2) * size / total));
    before += length;
  }
  const owned = Array.from({ length: size }, (_, rank) => [
    ...(rank === 0 ? common : []),
    ...sets.flatMap((set) => set.filter((_, i) => owners[i] === rank)),
  ]);
  const offsets = [0];
  for (const tensors of owned) {
    offsets.push(offsets.at(-1)! + valuesOf(tensors));
  }
  return { owned, offsets };
}

function valuesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { length }) => sum + length, 0);
}

function writeOthers(
  device: Device,
  rank: number,
  { owned }: Layout,
  shared: Float32Array<SharedArrayBuffer>,
): void {
  let at = 0;
  owned.forEach((tensors, owner) => {
    for (const tensor of tensors) {
      const values = shared.subarray(at, at += tensor.length);
      if (owner === rank) continue;
      device.write(tensor, values as unknown as Float32Array<ArrayBuffer>);
    }
  });
}
