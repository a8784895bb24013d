import type { Env } from "../../src/env/mod.ts";
import { Device, Program } from "../../src/gpu/mod.ts";
import { linearForward } from "../../src/ops/mod.ts";
import type { Comm } from "../communicator/mod.ts";
import { byPreference, type DeviceKind, listVulkan } from "../gpus/mod.ts";

/** What one rank is and reaches. */
export type RankRates = {
  rank: number;
  host: string;
  gpu: { uuid: string; kind: DeviceKind; name: string };
  /** GFLOP/s of a matrix product while the other ranks wait, … */
  alone: number;
  /** … and while all ranks multiply. */
  together: number;
  /** GB/s to the next rank of the ring while no other pair talks; 0 without one. */
  link: number;
};

/** Rows, columns and depth of the product; a CPU needs longer for each. */
const SIZE = { cpu: 256, gpu: 2048 };
/** Each rate is taken over at least this long. */
const MEASURE_MS = 300;
/** Bytes of a message; the links' own segments are smaller. */
const MESSAGE_BYTES = 8 * 1024 * 1024;
const MESSAGES = 4;

/**
 * Measures every rank of a world, the ranks one after the other and all at once,
 * and every link of their ring. A collective call; rank 0 gets the table.
 */
export async function measureCluster(
  env: Env,
  world: Comm,
): Promise<RankRates[] | undefined> {
  const { rank } = world;
  // The first of the list is what the adapter will be.
  const { uuid, kind, name } = byPreference(listVulkan().devices)[0]!;
  using device = await Device.open();
  const product = new Product(env, device);
  await product.warmUp();
  const alone = await inTurn(world, () => product.rate());
  await world.barrier();
  const together = await product.rate();
  await world.barrier();
  const link = await linkRate(env, world);
  return await world.gather<RankRates>({
    rank,
    host: Deno.hostname(),
    gpu: { uuid, kind, name },
    alone,
    together,
    link,
  });
}

/** Each rank does its part while the others wait. */
async function inTurn(
  world: Comm,
  part: () => Promise<number>,
): Promise<number> {
  let result = 0;
  for (let turn = 0; turn < world.size; turn++) {
    await world.barrier();
    if (turn === world.rank) result = await part();
  }
  return result;
}

/** A square matrix product, run again and again. */
class Product {
  readonly #env: Env;
  readonly #device: Device;
  readonly #program: Program;
  readonly #flops: number;

  constructor(env: Env, device: Device) {
    this.#env = env;
    this.#device = device;
    const size = device.adapter.cpu ? SIZE.cpu : SIZE.gpu;
    this.#flops = 2 * size ** 3;
    this.#program = new Program(device);
    linearForward(this.#program, {
      input: device.tensor([size, size]),
      weight: device.tensor([size, size]),
      output: device.tensor([size, size]),
    });
  }

  async warmUp(): Promise<void> {
    await this.#run(2);
  }

  /** GFLOP/s, over as many products as take {@linkcode MEASURE_MS}. */
  async rate(): Promise<number> {
    const { clock } = this.#env;
    const start = clock.now();
    let count = 0;
    for (let next = 1; clock.now() - start < MEASURE_MS; next *= 2) {
      await this.#run(next);
      count += next;
    }
    return count * this.#flops / (clock.now() - start) / 1e6;
  }

  async #run(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.#program.submit();
    await this.#device.gpu.queue.onSubmittedWorkDone();
  }
}

/** GB/s from this rank to the next; the pairs take turns. */
async function linkRate(env: Env, world: Comm): Promise<number> {
  const { rank, size } = world;
  if (size === 1) return 0;
  const message = new Uint8Array(MESSAGE_BYTES);
  let rate = 0;
  for (let from = 0; from < size; from++) {
    const to = (from + 1) % size;
    await world.barrier();
    if (rank === from) {
      await world.send(message, { to });
      await world.recv({ from: to });
      const start = env.clock.now();
      for (let i = 0; i < MESSAGES; i++) await world.send(message, { to });
      await world.recv({ from: to });
      const seconds = (env.clock.now() - start) / 1000;
      rate = MESSAGES * MESSAGE_BYTES / seconds / 1e9;
    } else if (rank === to) {
      await world.recv({ from, into: message });
      await world.send("warm", { to: from });
      for (let i = 0; i < MESSAGES; i++) {
        await world.recv({ from, into: message });
      }
      await world.send("all", { to: from });
    }
  }
  return rate;
}
