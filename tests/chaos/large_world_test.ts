// deno-lint-ignore-file no-console
import { ok, strictEqual } from "node:assert";
import { describeWorld, runLargeWorld } from "./large_world.ts";

Deno.test("64 ranks over three clustered servers join, sum, and learn of the loss of a tenth", async () => {
  const report = await runLargeWorld(64, 3);
  console.log(describeWorld(report));
  strictEqual(report.right, 64);
  const { failure, code } = report.end;
  strictEqual(code, 1);
  ok(report.victims.includes(failure!.rank!), JSON.stringify(failure));
  ok(report.aborted >= 64 - report.victims.length);
});
