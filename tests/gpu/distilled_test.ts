import { deepStrictEqual, ok } from "node:assert";
import {
  assertClose,
  copyFolder,
  runTiny,
  writeTinyCifar,
} from "../helpers/mod.ts";

Deno.test("runPhase() labels by both heads, of which distillation may have trained one", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    const { metrics } = await runTiny({
      ranks: 1,
      folder: `${folder}/run`,
      data,
      phases: ["teacher", "distill", "selfTrain"],
      config: {
        student: { distilled: true },
        phases: {
          teacher: { images: 480 },
          distill: {
            images: 240,
            hard: 1,
            relationalDistance: 0,
            relationalAngle: 0,
          },
          classify: { enabled: false },
          selfTrain: { images: 24, threshold: 0.105 },
        },
      },
    });
    const line = metrics.find(({ phase, split }) =>
      phase === "selfTrain" && split === "train"
    );
    // The class head has learned nothing: by itself it finds all classes alike.
    ok(Number(line?.mask_rate) > 0, `used ${line?.mask_rate}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("runPhase() distils three teachers alike on 1 rank from caches and on 3 where they run", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    const common = { data, phases: ["distill"] as const };
    const start = `${folder}/start`;
    await runTiny({
      ...common,
      ranks: 1,
      folder: start,
      phases: ["teacher", "teacher2"],
      config: {
        teachers: [{ dim: 24 }],
        phases: { teacher: { images: 240 } },
      },
    });
    const weights = `${start}/checkpoints/teacher-10/model.safetensors`;
    const runs: Record<string, unknown>[][] = [];
    for (const [ranks, cacheTeacher] of [[1, "auto"], [3, "off"]] as const) {
      const own = `${folder}/${ranks}`;
      await copyFolder(start, own);
      const run = await runTiny({
        ...common,
        ranks,
        folder: own,
        config: {
          data: { padding: 0 },
          teachers: [{ weights, feature: "both" }, {
            dim: 24,
            normalise: "half",
          }],
          phases: {
            teacher: { images: 240 },
            distill: {
              images: 120,
              hard: 0.5,
              soft: 0.5,
              feature: 1,
              attention: 1,
              combine: "vote",
              cacheTeacher,
            },
          },
        },
      });
      runs.push(
        run.metrics.filter(({ phase, split }) =>
          phase === "distill" && split === "train"
        ),
      );
    }
    const of = (key: string) =>
      runs.map((lines) => lines.map((line) => Number(line[key])));
    for (
      const key of [
        "loss",
        "loss_hard",
        "loss_soft",
        "loss_feature",
        "loss_attention",
        "loss_relational_angle",
      ]
    ) {
      const [cached, live] = of(key);
      deepStrictEqual(cached!.length, 5);
      ok(cached!.every((value) => value > 0), key);
      assertClose(live!, cached!, { rtol: 1e-4 }, key);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
