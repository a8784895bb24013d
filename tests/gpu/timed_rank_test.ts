import { deepStrictEqual, ok } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { timeRank } from "../../src/phases/mod.ts";
import { tinyConfig, writeTinyCifar } from "../helpers/mod.ts";

Deno.test("timeRank() times a rank of mixed ones with teachers' outputs from a cache, and leaves no results", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    const config = tinyConfig(`${folder}/data`, {
      mixed: true,
      data: { padding: 0 },
      phases: {
        distill: { images: 96, relationalDistance: 2, relationalAngle: 4 },
        classify: { enabled: false },
        selfTrain: { enabled: false },
        baseline: { enabled: false },
      },
    });
    const runFolder = `${folder}/run`;
    const cacheFolder = `${folder}/cache`;
    await Deno.mkdir(runFolder);
    const form = "register";
    await Deno.writeTextFile(`${runFolder}/kernel_form.rank-0`, form);
    const times = await timeRank({
      env: realEnv,
      config,
      rank: 2,
      size: 3,
      speeds: [1, 2, 3],
      runFolder,
      cacheFolder,
    });
    deepStrictEqual(Object.keys(times), ["teacher", "distill"]);
    for (const steps of Object.values(times)) {
      ok(steps.length >= 3);
      ok(steps.flat().every((ms) => ms >= 0));
      ok(steps.every((pieces) => pieces.length === steps[0]!.length));
      ok(steps.every((pieces) => Math.max(...pieces) > 0));
    }
    // Of what a student of images compares, features and predictions are gathered.
    ok(times["distill"]![0]!.length > times["teacher"]![0]!.length);
    const left = [...Deno.readDirSync(runFolder)].map(({ name }) => name);
    deepStrictEqual(left, ["kernel_form.rank-0"]);
    ok(!await Deno.stat(cacheFolder).catch(() => undefined));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
