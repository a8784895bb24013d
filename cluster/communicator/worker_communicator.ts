import type {
  Communicator,
  Summands,
} from "../../src/training/communicator.ts";
import type { CollectiveCall, Shareable, Shared } from "./worker_messages.ts";

type Floats = Float32Array<SharedArrayBuffer>;

/** The collectives of a rank, carried out by its comm worker in call order. */
export class WorkerCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly #memories = new WeakMap<SharedArrayBuffer, number>();
  #memoryCount = 0;
  readonly #run: (call: CollectiveCall) => Promise<void>;

  constructor(
    { rank, size, run }: {
      rank: number;
      size: number;
      run: (call: CollectiveCall) => Promise<void>;
    },
  ) {
    this.rank = rank;
    this.size = size;
    this.#run = run;
  }

  allocate(length: number): Floats {
    return new Float32Array(new SharedArrayBuffer(length * 4));
  }

  allReduce(buffer: Summands): Promise<void> {
    return this.#run({ name: "all-reduce", buffer: this.#shared(buffer) });
  }

  allReduceBlocks(
    blocks: Uint32Array<SharedArrayBuffer>,
    carry: Floats,
  ): Promise<void> {
    return this.#run({
      name: "all-reduce-blocks",
      blocks: this.#shared(blocks),
      carry: this.#shared(carry),
    });
  }

  allGather(buffer: Floats, offsets: readonly number[]): Promise<void> {
    return this.#run({
      name: "all-gather",
      buffer: this.#shared(buffer),
      offsets,
    });
  }

  broadcast(buffer: Floats, root: number): Promise<void> {
    return this.#run({ name: "broadcast", buffer: this.#shared(buffer), root });
  }

  barrier(): Promise<void> {
    return this.#run({ name: "barrier" });
  }

  #shared<T extends Shareable>(values: T): Shared<T> {
    let memory = this.#memories.get(values.buffer);
    if (memory === undefined) {
      memory = this.#memoryCount++;
      this.#memories.set(values.buffer, memory);
    }
    return { values, memory };
  }
}
