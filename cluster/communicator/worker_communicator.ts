import type { Communicator } from "../../src/training/communicator.ts";
import type { CollectiveCall } from "./worker_messages.ts";

type Shared = Float32Array<SharedArrayBuffer>;

/** The collectives of a rank, carried out by its comm worker in call order. */
export class WorkerCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
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

  allocate(length: number): Shared {
    return new Float32Array(new SharedArrayBuffer(length * 4));
  }

  allReduce(buffer: Shared): Promise<void> {
    return this.#run({ name: "all-reduce", buffer });
  }

  allGather(buffer: Shared, offsets: readonly number[]): Promise<void> {
    return this.#run({ name: "all-gather", buffer, offsets });
  }

  broadcast(buffer: Shared, root: number): Promise<void> {
    return this.#run({ name: "broadcast", buffer, root });
  }

  barrier(): Promise<void> {
    return this.#run({ name: "barrier" });
  }
}
