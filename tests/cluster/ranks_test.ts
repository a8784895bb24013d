import { strictEqual } from "node:assert";
import { assertClose } from "../helpers/mod.ts";
import {
  command,
  readJson,
  teacherOnly,
  withTinyRun,
} from "./train_process.ts";

Deno.test("train gives the same losses when 1, 2 or 3 processes share the batch", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const losses: number[][] = [];
    for (const ranks of [1, 2, 3]) {
      const run = `${folder}/ranks-${ranks}`;
      const { code, stderr } = await command([
        "train",
        config,
        `--ranks=${ranks}`,
        `--run-dir=${run}`,
        ...teacherOnly(20),
      ]);
      strictEqual(code, 0, stderr);
      const { ranks: table } = await readJson(`${run}/run.json`);
      strictEqual((table as unknown[]).length, ranks);
      const text = await Deno.readTextFile(`${run}/metrics.jsonl`);
      losses.push(
        text.trim().split("\n").map((line) => JSON.parse(line))
          .filter(({ split }) => split === "train").map(({ loss }) => loss),
      );
    }
    const [one, ...others] = losses;
    strictEqual(one!.length, 20);
    for (const other of others) assertClose(other, one!, { rtol: 1e-4 });
  });
});
