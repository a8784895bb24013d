import {
  deepStrictEqual,
  doesNotMatch,
  match,
  rejects,
  strictEqual,
} from "node:assert";
import { compare } from "../../cluster/commands/compare.ts";
import { realEnv } from "../../src/env/mod.ts";
import {
  type ComparePage,
  differingSettings,
  readRun,
  renderComparison,
} from "../../src/report/mod.ts";

const { disk } = realEnv;

Deno.test("differingSettings() names the keys that are not the same in all runs", () => {
  deepStrictEqual(
    differingSettings([
      { name: "a", seed: 1, data: { kind: "mnist", flip: true } },
      { name: "b", seed: 1, data: { kind: "csv", flip: true, path: "x" } },
    ]),
    [
      { key: "data.kind", values: ['"mnist"', '"csv"'] },
      { key: "data.path", values: ["-", '"x"'] },
    ],
  );
});

Deno.test("renderComparison() draws the curves of the runs over each other", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const runs: ComparePage["runs"][number][] = [];
    for (const [i, name] of ["first", "<second>"].entries()) {
      const line = (step: number) =>
        JSON.stringify({
          phase: "classify",
          step,
          epoch: step,
          split: "validation",
          accuracy: 0.1 * (i + step),
          loss: 1,
        });
      const place = `${folder}/${i}`;
      await disk.makeFolder(place);
      await disk.write(`${place}/metrics.jsonl`, `${line(1)}\n${line(2)}\n`);
      runs.push({ name, data: await readRun(disk, place) });
    }
    const render = (key: string) =>
      renderComparison({
        figure: "test_accuracy",
        runs,
        rows: [{
          phase: "classify",
          values: [0.5, null],
          mean: 0.5,
          deviation: null,
        }],
        settings: [{ key, values: ["1", "2"] }],
      });
    const text = render("seed");
    match(text, />Deviation</);
    // Of different experiments a mean says nothing.
    doesNotMatch(render("student.dim"), />Deviation</);
    match(text, /data-series="first"[\s\S]*data-series="&lt;second&gt;"/);
    match(text, /id="classify-accuracy-validation"/);
    match(text, /50\.0\s%/);
    match(text, /<code>seed<\/code>/);
    strictEqual(text.includes("loss-train"), false);
  } finally {
    await disk.remove(folder);
  }
});

Deno.test("compare() refuses a run twice, and one whose configuration cannot be read", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-compare-" });
  try {
    for (const run of ["a", "b"]) {
      await Deno.mkdir(`${folder}/${run}`);
      await Deno.writeTextFile(`${folder}/${run}/config.json`, '{"name":"x"}');
      await Deno.writeTextFile(
        `${folder}/${run}/summary.json`,
        '{"phases":{"teacher":{"test_accuracy":0.5}}}',
      );
    }
    await rejects(
      compare([`${folder}/a`, `${folder}/a/`]),
      /^ConfigError: Cannot compare .*\/a with itself$/,
    );
    await Deno.writeTextFile(`${folder}/b/config.json`, '{"name":');
    await rejects(
      compare([`${folder}/a`, `${folder}/b`]),
      /^ConfigError: Cannot compare .*\/b: its config\.json cannot be read$/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
