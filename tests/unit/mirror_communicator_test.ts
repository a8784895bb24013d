import { deepStrictEqual, strictEqual } from "node:assert";
import { mirrorCommunicator } from "../../src/training/mod.ts";

Deno.test("mirrorCommunicator() fills the others' places with its own rows, of any number", async () => {
  for (
    const [rank, own, expected] of [
      [0, [1, 2], [1, 2, 1, 2, 1, 1]],
      [1, [3, 4, 5], [3, 4, 3, 4, 5, 3]],
      [2, [6], [6, 6, 6, 6, 6, 6]],
    ] as const
  ) {
    const communicator = mirrorCommunicator(rank, 3);
    const buffer = communicator.allocate(6);
    const offsets = [0, 2, 5, 6];
    buffer.set(own, offsets[rank]);
    await communicator.allGather(buffer, offsets);
    deepStrictEqual([...buffer], expected);
  }
});

Deno.test("mirrorCommunicator() gathers nothing where it has none, and keeps sums as they are", async () => {
  const communicator = mirrorCommunicator(0, 2);
  strictEqual(communicator.size, 2);
  const buffer = communicator.allocate(3);
  buffer.set([1, 2, 3]);
  await communicator.allGather(buffer, [0, 0, 3]);
  await communicator.allReduce(buffer);
  await communicator.broadcast(buffer, 1);
  await communicator.barrier();
  deepStrictEqual([...buffer], [1, 2, 3]);
});
