// deno-lint-ignore-file no-console
import { deepStrictEqual, strictEqual } from "node:assert";
import { describeWorld, runLargeWorld } from "./large_world.ts";

for (const size of [64, 256]) {
  Deno.test(`${size} ranks over three clustered servers join, sum, and go on without a tenth of them`, async () => {
    const report = await runLargeWorld(size, 3);
    console.log(describeWorld(report));
    deepStrictEqual(report.lost, report.victims);
    strictEqual(report.right, size - report.victims.length);
    strictEqual(report.end.code, 0);
  });
}
