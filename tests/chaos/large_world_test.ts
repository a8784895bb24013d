// deno-lint-ignore-file no-console
import { deepStrictEqual, strictEqual } from "node:assert";
import { describeWorld, runLargeWorld } from "./large_world.ts";

Deno.test("64 ranks over three clustered servers join, sum, and go on without a tenth of them", async () => {
  const report = await runLargeWorld(64, 3);
  console.log(describeWorld(report));
  deepStrictEqual(report.lost, report.victims);
  strictEqual(report.right, 64 - report.victims.length);
  strictEqual(report.end.code, 0);
});
