import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { command, withTinyRun } from "./train_process.ts";

Deno.test("plan --measure times a step of each phase of several ranks, and removes what it wrote", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const { code, stdout, stderr } = await command([
      "plan",
      config,
      "--measure",
      "--json",
      "globalBatch=17",
      "phases.distill.relationalDistance=2",
      "phases.distill.relationalAngle=4",
      "phases.classify.enabled=false",
      "phases.baseline.enabled=false",
    ], { TMPDIR: folder });
    strictEqual(code, 0, stderr);
    const { phases } = JSON.parse(stdout).prediction;
    deepStrictEqual(
      phases.map(({ phase }: { phase: string }) => phase),
      ["teacher", "distill", "selfTrain"],
    );
    for (const { compute_ms, step_ms, late_ms, exposed_ms } of phases) {
      ok(compute_ms > 0 && late_ms >= 0 && exposed_ms > late_ms);
      ok(Math.abs(step_ms - compute_ms - exposed_ms) < 1e-9);
    }
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    deepStrictEqual(left, ["data", "tiny.json"]);
  });
});
