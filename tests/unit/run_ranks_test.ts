import { deepStrictEqual, rejects } from "node:assert";
import { runRanks } from "../../cluster/communicator/mod.ts";

Deno.test("runRanks() refuses a number of ranks that is none", async () => {
  for (const size of [0, -1, 1.5, NaN]) {
    await rejects(
      runRanks(size, () => 0),
      new RegExp(`Cannot run ${size} ranks: a whole number from 1 on`),
    );
  }
  deepStrictEqual(await runRanks(2, ({ rank }) => rank), [0, 1]);
});
