import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import { ImageStore } from "../../src/ops/mod.ts";
import { createModel } from "../../src/phases/context.ts";
import {
  type Communicator,
  CONSTANTS,
  Inference,
  Leftovers,
  PatchInput,
  soloCommunicator,
} from "../../src/training/mod.ts";
import { leasesInMemory, linkRanks, randomImages } from "../helpers/mod.ts";

/** Eight batches: seven whole ones, and a rest. */
const IMAGES = 7 * 128 + 37;

class Lost extends Error {}

Deno.test("Inference has the same bits whoever computes a batch, and computes nothing twice after a loss", async () => {
  using device = await Device.open({ form: "register" });
  const store = ImageStore.create(device, randomImages(IMAGES, 3, [8, 8]));
  const model = createModel(device, {
    image: 8,
    patch: 4,
    dim: 24,
    depth: 2,
    heads: 3,
    classes: 7,
    distilled: true,
    epsilon: 1e-6,
  }, 5);
  using input = new PatchInput(device, CONSTANTS.half);
  const leftovers = new Leftovers();
  let batches = 0;
  const open = (communicator: Communicator, onBatch = () => {}) =>
    new Inference({
      device,
      communicator,
      model,
      input,
      feature: "both",
      store,
      indices: Int32Array.from({ length: IMAGES }, (_, i) => IMAGES - 1 - i),
      onBatch,
      leftovers,
    });
  using alone = open(soloCommunicator());
  const expected = (await alone.run()).slice();

  const leases = leasesInMemory(2);
  await using world = linkRanks(2);
  const shares = await Promise.all(world.links.map(async (link, rank) => {
    const communicator = {
      rank,
      size: 2,
      allocate: (length: number) => link.allocate(length),
      allGather: link.allGather.bind(link),
      leases: leases[rank]!,
    } as unknown as Communicator;
    let own = 0;
    using inference = open(communicator, () => own++);
    deepStrictEqual((await inference.run()).slice(), expected);
    return own;
  }));
  deepStrictEqual(shares, [4, 4]);
  strictEqual(leftovers.empty, true);

  // The other rank is lost in the first exchange after the first lease.
  const lose = async () => {
    using broken = open({
      ...soloCommunicator(),
      allGather: () => Promise.reject(new Lost()),
      leases: {
        regrouped: false,
        begin: () => {
          const given: [number, number][] = [[3, 5], [0, 1]];
          return { next: () => Promise.resolve(given.pop()) };
        },
      },
    });
    await rejects(broken.run(), Lost);
    strictEqual(leftovers.empty, false);
  };
  await lose();
  const asked: number[] = [];
  const again = {
    ...soloCommunicator(),
    leases: {
      regrouped: true,
      begin: (parts: number) => {
        asked.push(parts);
        const given: [number, number][] = [[0, parts]];
        return { next: () => Promise.resolve(given.pop()) };
      },
    },
  };
  using other = open(again, () => batches++);
  deepStrictEqual((await other.run()).slice(), expected);
  deepStrictEqual([asked, batches], [[5], 5]);
  strictEqual(leftovers.empty, true);
  // Of other weights nothing is taken over.
  await lose();
  const { parameters } = model;
  const values = await parameters.read();
  for (const { data } of values.values()) data.fill(0.25);
  parameters.writeAll(values);
  await other.run();
  deepStrictEqual(asked, [5, 8]);
  strictEqual(leftovers.empty, false);
});
