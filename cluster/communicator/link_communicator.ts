import type { Communicator } from "../../src/training/communicator.ts";
import { allGather, allReduce, barrier, broadcast } from "./collectives/mod.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";

/** The collectives over a link, in the thread that owns the link. */
export class LinkCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly exchange: Exchange;

  constructor(options: ExchangeOptions) {
    this.rank = options.link.rank;
    this.size = options.link.size;
    this.exchange = new Exchange(options);
  }

  allocate(length: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(new SharedArrayBuffer(length * 4));
  }

  allReduce(buffer: Float32Array): Promise<void> {
    return this.exchange.run(allReduce(buffer, this));
  }

  allGather(
    buffer: Float32Array,
    offsets: readonly number[],
  ): Promise<void> {
    const { rank, size } = this;
    return this.exchange.run(allGather(buffer, { rank, size, offsets }));
  }

  broadcast(buffer: Float32Array, root: number): Promise<void> {
    const { rank, size } = this;
    return this.exchange.run(broadcast(buffer, { rank, size, root }));
  }

  barrier(): Promise<void> {
    return this.exchange.run(barrier(this));
  }

  close(): Promise<void> {
    return this.exchange.close();
  }
}
