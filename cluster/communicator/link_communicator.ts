import {
  BLOCKS,
  type Communicator,
  type Summands,
} from "../../src/training/communicator.ts";
import { calls } from "./calls.ts";
import { typeOf } from "./elements.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";
import { reducingCalls } from "./reducing_calls.ts";
import { reductionOf } from "./reductions.ts";
import type { Algorithm } from "./selection.ts";

export interface LinkCommunicatorOptions extends ExchangeOptions {
  /** How collectives are carried out; `auto` by default. */
  algorithm?: Algorithm | undefined;
}

/** What training needs of the collectives, in the thread that owns the link. */
export class LinkCommunicator implements Communicator {
  readonly rank: number;
  readonly size: number;
  readonly exchange: Exchange;
  readonly #algorithm: Algorithm;

  constructor(options: LinkCommunicatorOptions) {
    this.rank = options.link.rank;
    this.size = options.link.size;
    this.exchange = new Exchange(options);
    this.#algorithm = options.algorithm ?? "auto";
  }

  allocate(length: number): Float32Array<SharedArrayBuffer> {
    return new Float32Array(new SharedArrayBuffer(length * 4));
  }

  allReduce(buffer: Summands): Promise<void> {
    const { world, treeBytes } = this.exchange;
    const wish = { algorithm: this.#algorithm, nodes: world.nodes, treeBytes };
    const sum = reductionOf("sum", typeOf(buffer));
    const call = reducingCalls.allReduce(buffer, buffer, sum, wish);
    return this.exchange.run(world, call);
  }

  /** @throws {RangeError} If these are no whole groups with a carry for each value. */
  allReduceBlocks(blocks: Uint32Array, carry: Float32Array): Promise<void> {
    const groups = blocks.length / BLOCKS.groupWords;
    if (
      !Number.isInteger(groups) || carry.length !== groups * BLOCKS.groupValues
    ) {
      throw new RangeError(
        `Cannot sum ${blocks.length} words in groups of ${BLOCKS.groupWords} with a carry of ${carry.length}`,
      );
    }
    const call = reducingCalls.allReduceBlocks(blocks, carry);
    return this.exchange.run(this.exchange.world, call);
  }

  /** @throws {RangeError} If `offsets` does not divide the buffer. */
  allGather(
    buffer: Float32Array,
    offsets: readonly number[],
  ): Promise<void> {
    const { size } = this;
    const ascending = offsets.every((offset, i) =>
      Number.isInteger(offset) && offset >= (offsets[i - 1] ?? 0) &&
      offset <= buffer.length
    );
    if (offsets.length !== size + 1 || !ascending) {
      throw new RangeError(
        `Cannot gather ${buffer.length} elements over ${size} ranks: offsets are ${
          offsets.slice(0, 16).join(", ")
        }`,
      );
    }
    const wish = { algorithm: this.#algorithm };
    const call = calls.allGatherParts(buffer, [...offsets], wish);
    return this.exchange.run(this.exchange.world, call);
  }

  /** @throws {RangeError} If there is no rank `root`. */
  broadcast(buffer: Float32Array, root: number): Promise<void> {
    if (!Number.isInteger(root) || root < 0 || root >= this.size) {
      throw new RangeError(
        `Cannot broadcast from rank ${root}: there are ${this.size} ranks`,
      );
    }
    const wish = { algorithm: this.#algorithm };
    const call = calls.broadcast(buffer, root, wish);
    return this.exchange.run(this.exchange.world, call);
  }

  barrier(): Promise<void> {
    return this.exchange.run(this.exchange.world, calls.barrier());
  }

  close(): Promise<void> {
    return this.exchange.close();
  }
}
