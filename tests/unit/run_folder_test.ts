import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import {
  type MetricsLine,
  parseCsv,
  readMetrics,
  RunFolder,
  toCsv,
} from "../../src/run/mod.ts";

const { disk } = realEnv;

async function withRun(
  action: (run: RunFolder) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await action(await RunFolder.create(disk, `${folder}/run`));
  } finally {
    await disk.remove(folder);
  }
}

function line(phase: string, step: number): MetricsLine {
  return { time: 0, phase, step, epoch: step / 10, split: "train", loss: 1 };
}

async function steps(run: RunFolder): Promise<string[]> {
  const { lines } = await readMetrics(disk, run.path);
  return lines.map(({ phase, step }) => `${phase} ${step}`);
}

Deno.test("RunFolder.truncateMetrics() cuts where the phase resumes", async () => {
  await withRun(async (run) => {
    await run.truncateMetrics("teacher", { step: 0, validated: -1 });
    for (const step of [10, 20, 30]) {
      await run.appendMetrics(line("teacher", step));
    }
    for (const step of [10, 20]) {
      await run.appendMetrics(line("distill", step));
    }
    await run.truncateMetrics("distill", { step: 20, validated: 20 });
    strictEqual((await steps(run)).length, 5);
    await run.truncateMetrics("distill", { step: 10, validated: -1 });
    deepStrictEqual(
      await steps(run),
      ["teacher 10", "teacher 20", "teacher 30", "distill 10"],
    );
    await run.truncateMetrics("teacher", { step: 15, validated: -1 });
    // What runs beside it stays.
    deepStrictEqual(await steps(run), ["teacher 10", "distill 10"]);
  });
});

Deno.test("RunFolder.truncateMetrics() drops the evaluations that come again", async () => {
  await withRun(async (run) => {
    for (
      const [step, split] of [
        [10, "train"],
        [10, "validation"],
        [20, "train"],
        [20, "validation"],
        [20, "test"],
      ] as const
    ) await run.appendMetrics({ ...line("teacher", step), split });
    const splits = async () =>
      (await readMetrics(disk, run.path)).lines.map(({ split }) => split);
    await run.truncateMetrics("teacher", { step: 20, validated: 20 });
    deepStrictEqual(
      await splits(),
      ["train", "validation", "train", "validation"],
    );
    await run.truncateMetrics("teacher", { step: 20, validated: 10 });
    deepStrictEqual(await splits(), ["train", "validation", "train"]);
  });
});

Deno.test("RunFolder.completeMetrics() adds what a lost rank has not written, or only in half", async () => {
  await withRun(async (run) => {
    const newest = [10, 20, 30].map((step) => line("teacher", step));
    await run.completeMetrics(newest.slice(0, 1));
    deepStrictEqual(await steps(run), ["teacher 10"]);
    await disk.append(`${run.path}/metrics.jsonl`, '{"time":1,"phase":"te');
    await run.completeMetrics(newest);
    deepStrictEqual(
      await steps(run),
      ["teacher 10", "teacher 20", "teacher 30"],
    );
    strictEqual((await readMetrics(disk, run.path)).damaged, 0);
    await run.completeMetrics(newest);
    strictEqual((await steps(run)).length, 3);
  });
});

Deno.test("RunFolder.truncateMetrics() drops a line that a crash cut in half", async () => {
  await withRun(async (run) => {
    await run.appendMetrics(line("teacher", 10));
    await disk.append(`${run.path}/metrics.jsonl`, '{"time":1,"phase":"te');
    strictEqual((await readMetrics(disk, run.path)).damaged, 1);
    await run.truncateMetrics("teacher", { step: 10, validated: -1 });
    await run.appendMetrics(line("teacher", 20));
    deepStrictEqual(await steps(run), ["teacher 10", "teacher 20"]);
    strictEqual((await readMetrics(disk, run.path)).damaged, 0);
  });
});

Deno.test("RunFolder.writeSummary() merges group by group", async () => {
  await withRun(async (run) => {
    await run.writeSummary({ phases: { teacher: { steps: 1, images: 2 } } });
    await run.writeSummary({ phases: { distill: { steps: 3 } } });
    await run.writeSummary({
      phases: { teacher: { steps: 5 } },
      shipped: null,
    });
    deepStrictEqual(await run.readJson("summary.json"), {
      phases: { teacher: { steps: 5, images: 2 }, distill: { steps: 3 } },
      shipped: null,
    });
  });
});

Deno.test("RunFolder.open() refuses what is no run", async () => {
  await withRun(async (run) => {
    await rejects(RunFolder.open(disk, `${run.path}/none`), ConfigError);
    await rejects(RunFolder.open(disk, run.path), /has no config.json/);
    await run.writeJson("config.json", { name: "x" });
    strictEqual((await RunFolder.open(disk, run.path)).path, run.path);
    await disk.write(`${run.path}/summary.json`, "[");
    await rejects(run.readJson("summary.json"), /is not a JSON object/);
  });
});

Deno.test("toCsv() and parseCsv() are inverse for odd cells", () => {
  const rows = [
    ["true", 'a "quoted" name', "comma, here"],
    ["two\nlines", "", "1"],
    ["é☃", "=1+1", " x "],
  ];
  deepStrictEqual(parseCsv(toCsv(rows)), rows);
  deepStrictEqual(parseCsv("\ufeffa,b\r\n1,2"), [["a", "b"], ["1", "2"]]);
  // The first line tells the separator.
  const decimal = '"a,1";b\n1,5;"2;\n3"\n';
  deepStrictEqual(parseCsv(decimal), [["a,1", "b"], ["1,5", "2;\n3"]]);
  deepStrictEqual(parseCsv("a;b,c\n1;2\n"), [["a;b", "c"], ["1;2"]]);
  deepStrictEqual(parseCsv(toCsv([["a;b"], ["c"]])), [["a;b"], ["c"]]);
});

Deno.test("RunFolder.writeConfusion() writes a row per true class", async () => {
  await withRun(async (run) => {
    await run.writeConfusion(["a,b", "c"], [1, 2, 3, 4]);
    deepStrictEqual(
      parseCsv(await disk.readText(`${run.path}/confusion.csv`)),
      [["true", "a,b", "c"], ["a,b", "1", "2"], ["c", "3", "4"]],
    );
    // Of many classes most pairs do not occur.
    const names = Array.from({ length: 401 }, (_, c) => `c${c}`);
    const matrix = new Int32Array(401 * 401);
    matrix[400 * 401 + 2] = 7;
    matrix[3 * 401 + 3] = 5;
    await run.writeConfusion(names, matrix);
    deepStrictEqual(
      parseCsv(await disk.readText(`${run.path}/confusion.csv`)),
      [["true", "predicted", "count"], ["c3", "c3", "5"], ["c400", "c2", "7"]],
    );
  });
});

Deno.test("RunFolder loses no line when two processes write and cut metrics", async () => {
  await withRun(async (run) => {
    const program = `
      import { realEnv } from ${
      JSON.stringify(import.meta.resolve("../../src/env/mod.ts"))
    };
      import { RunFolder } from ${
      JSON.stringify(import.meta.resolve("../../src/run/mod.ts"))
    };
      const run = new RunFolder(realEnv.disk, ${JSON.stringify(run.path)});
      for (let step = 1; step <= 150; step++) {
        const line = { time: 0, phase: "distill", epoch: 0, split: "train" };
        await run.appendMetrics({ ...line, step });
        if (step % 3 === 0) {
          await run.appendMetrics({ ...line, step: step + 1 });
          await run.truncateMetrics("distill", { step, validated: -1 });
        }
      }`;
    const other = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", program],
    }).spawn();
    let ended = false;
    const end = other.status.finally(() => ended = true);
    let own = 0;
    while (!ended) {
      await run.appendMetrics(line("teacher", ++own));
    }
    strictEqual((await end).code, 0);
    const found = await steps(run);
    strictEqual(found.length, own + 150);
    strictEqual(new Set(found).size, own + 150);
  });
});
