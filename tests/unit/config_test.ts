import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import {
  type Config,
  configKeys,
  loadConfig,
  parseConfig,
  schemaText,
} from "../../src/config/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";

const { disk } = realEnv;

/** Writes files into a fresh folder and hands its path to `action`. */
async function withFiles(
  files: Record<string, string | object>,
  action: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = `${folder}/${name}`;
      await disk.makeFolder(path.slice(0, path.lastIndexOf("/")));
      await disk.write(
        path,
        typeof content === "string" ? content : JSON.stringify(content),
      );
    }
    await action(folder);
  } finally {
    await disk.remove(folder);
  }
}

/** Lines of the error that loading gives, without the folder's name. */
async function problems(
  path: string | undefined,
  overrides: string[] = [],
  folder = "",
): Promise<string[]> {
  let lines: string[] = [];
  await rejects(loadConfig(disk, path, overrides), (error: unknown) => {
    ok(error instanceof ConfigError, String(error));
    strictEqual(error.exitCode, 2);
    lines = error.message.replaceAll(`${folder}/`, "").split("\n");
    return true;
  });
  return lines;
}

Deno.test("parseConfig() gives every key a default", () => {
  const config = parseConfig({});
  strictEqual(config.globalBatch, 128);
  strictEqual(config.phases.distill.relationalAngle, 50);
  strictEqual(config.timeouts.heartbeatSeconds, 5);
  const optional = [
    "data.path",
    "data.labels",
    "teacher.weights",
    "teacher.normalise",
  ];
  for (const key of configKeys()) {
    ok(key.description !== "", `${key.path} has no description`);
    if (key.default === undefined) {
      ok([...optional, "student.weights"].includes(key.path), key.path);
    }
  }
});

Deno.test("parseConfig() accepts its own output", () => {
  const config: Config = parseConfig({ seed: 7 });
  deepStrictEqual(parseConfig(JSON.parse(JSON.stringify(config))), config);
});

Deno.test("loadConfig() reads every file in configs/", async () => {
  for (const { name } of await disk.list("configs")) {
    if (name === "schema.json") continue;
    const config = await loadConfig(disk, `configs/${name}`);
    strictEqual(`${config.name}.json`, name);
  }
});

Deno.test("configs/schema.json matches the schema in the code", async () => {
  strictEqual(await disk.readText("configs/schema.json"), schemaText());
});

Deno.test("loadConfig() merges extends and overrides in order", async () => {
  await withFiles({
    // As some editors write it, with a mark of the order of bytes.
    "base.json": "\ufeff" + JSON.stringify({
      seed: 1,
      globalBatch: 64,
      student: { dim: 32, heads: 2 },
    }),
    "sub/run.json": { extends: "../base.json", seed: 2, student: { dim: 48 } },
  }, async (folder) => {
    const config = await loadConfig(disk, `${folder}/sub/run.json`, [
      "seed=3",
      "data.kind=cifar10",
      "data.path=123",
      "ranks=2",
      "name=a=b".slice(0, 6),
    ]);
    strictEqual(config.seed, 3);
    strictEqual(config.globalBatch, 64);
    strictEqual(config.ranks, 2);
    strictEqual(config.data.path, "123");
    strictEqual(config.name, "a");
    deepStrictEqual([config.student.dim, config.student.heads], [48, 2]);
  });
});

Deno.test("loadConfig() names file, key and the nearest key", async () => {
  await withFiles({
    "base.json": { phases: { distill: { temprature: 2 } } },
    "x.json": {
      extends: "base.json",
      temperature: 2,
      data: { kind: "cifar11" },
      globalBatch: 1.5,
      student: { dropout: 1 },
      ranks: "many",
      phases: { selfTrain: 3, teacher: { optimizer: { lr: 1 }, epochs: 9 } },
      distill: { soft: 1 },
    },
  }, async (folder) => {
    deepStrictEqual(
      (await problems(`${folder}/x.json`, ["phases.distil.soft=1"], folder))
        .sort(),
      [
        "base.json: phases.distill.temprature: unknown key; did you mean temperature?",
        "override: phases.distil: unknown key; did you mean distill?",
        "x.json: data.kind: cifar11 is not one of fashion-mnist, mnist, cifar10, cifar100, idx, folder, csv; did you mean cifar10?",
        "x.json: distill: unknown key; did you mean phases.distill?",
        "x.json: globalBatch: expected a whole number, found 1.5",
        "x.json: phases.selfTrain: expected a group of keys, found 3",
        "x.json: phases.teacher.epochs: unknown key; there are enabled, images, augment, optimizer, schedule, labels, labelSmoothing",
        "x.json: phases.teacher.optimizer.lr: unknown key; did you mean learningRate?",
        "x.json: ranks: expected auto or a number, found many",
        "x.json: student.dropout: expected a number below 1, found 1",
        "x.json: temperature: unknown key; did you mean phases.distill.temperature?",
      ],
    );
  });
});

Deno.test("loadConfig() knows keys by the names that other programs give them", async () => {
  const expected = {
    "batch_size=64": "globalBatch",
    "batchSize=64": "globalBatch",
    "epochs=3": "phases.<phase>.images",
    "lr=1": "phases.<phase>.optimizer.learningRate",
  };
  for (const [override, key] of Object.entries(expected)) {
    const name = override.split("=")[0];
    await rejects(loadConfig(disk, undefined, [override]), {
      message: `override: ${name}: unknown key; did you mean ${key}?`,
    });
  }
  await rejects(loadConfig(disk, undefined, ["student.headHidden=8"]), {
    message: "override: student.headHidden: expected a list, found 8",
  });
});

Deno.test("loadConfig() refuses impossible pairs and says why", async () => {
  const cases: [string[], RegExp][] = [
    [["student.dim=66"], /override: student.heads: 4 heads do not divide dim/],
    [
      ["globalBatch=2", "ranks=3", "phases.selfTrain.enabled=false"],
      /globalBatch: 2 images .* 3 ranks(?!,)/,
    ],
    [
      ["globalBatch=5", "ranks=3"],
      /globalBatch: 5 images .* 3 ranks, a labelled and an unlabelled one each/,
    ],
    [["globalBatch=1"], /globalBatch: 1 images .* 1 ranks, a labelled/],
    [["data.trainPerClass=20"], /data.labelsPerClass: 4 .* 20 validation/],
    [["data.kind=folder"], /data.path: needed/],
    [["data.testFraction=0.2"], /data.testFraction: only for folder/],
    [["data.labelsPerClass=0"], /data.labelsPerClass: 0 \(all\) leaves no/],
    [["data.imageSize=4"], /override: teacher.patch: a patch of 8 pixels/],
    [
      [
        "phases.distill.relationalAngle=0",
        "phases.distill.relationalDistance=0",
      ],
      /phases.distill: no loss/,
    ],
    [["phases.teacher.enabled=false"], /phases.teacher.enabled: false leaves/],
    [
      ["phases.selfTrain.method=noisy-student", "phases.selfTrain.rounds=0"],
      /selfTrain.rounds: noisy-student labels in rounds/,
    ],
    [
      [
        'phases.selfTrain.voters=[{"weights":"a.safetensors"}]',
        "phases.selfTrain.method=mean-teacher",
      ],
      /selfTrain.voters: nothing to vote on: mean-teacher makes no labels/,
    ],
    [
      ["phases.selfTrain.method=pi-model", "phases.selfTrain.mix=beta"],
      /selfTrain.mix: beta mixes labels, and pi-model makes none/,
    ],
    [
      ["phases.selfTrain.method=semi-vit", "phases.selfTrain.consistency=1"],
      /selfTrain.consistency: compares two views/,
    ],
    [
      ["phases.selfTrain.method=mean-teacher", "phases.selfTrain.emaDecay=0"],
      /selfTrain.emaDecay: 0 leaves mean-teacher/,
    ],
    [
      ["teachers=[{},{},{},{}]"],
      /teachers.3.weights: missing: a run trains 4 teachers at most/,
    ],
    [
      [
        "teachers=[{}]",
        "phases.teacher.enabled=false",
        "teacher.weights=a.safetensors",
      ],
      /teachers.0.weights: missing, and phases.teacher.enabled=false/,
    ],
    [
      ['teachers=[{"weights":"a.safetensors","dim":"wide"}]'],
      /teachers.0.dim: expected a number, found wide/,
    ],
    [["globalBatch=2"], /globalBatch: relational losses/],
    [
      ["phases.classify.enabled=false", "phases.selfTrain.enabled=false"],
      /phases.baseline.images: 0 means/,
    ],
    [
      ["teacher", "distill", "classify", "selfTrain", "baseline"].map((phase) =>
        `phases.${phase}.enabled=false`
      ),
      /phases: none of them is enabled/,
    ],
  ];
  for (const [overrides, expected] of cases) {
    match((await problems(undefined, overrides)).join("\n"), expected);
  }
});

Deno.test("loadConfig() reports files that are no configuration", async () => {
  await withFiles({
    "syntax.json": '{\n  "seed": 1,\n  "ranks" 2\n}',
    "cut.json": '{"seed":',
    "list.json": "[1]",
    "loop_a.json": { extends: "./loop_b.json" },
    "loop_b.json": { extends: "x/../loop_a.json" },
    "lost.json": { extends: "nowhere.json" },
    "odd.json": { extends: 3 },
    "proto.json": '{"__proto__": {"seed": 1}, "toString": 1}',
    "deep.json": '{"a":'.repeat(5000) + "1" + "}".repeat(5000),
    "long.json": " ".repeat(1 << 20) + "{}",
    "folder.json/x": "",
  }, async (folder) => {
    const expected: Record<string, RegExp> = {
      "syntax.json": /^syntax.json:3:11: not JSON: Expected ':'/,
      "cut.json": /^cut.json:1:9: not JSON: Unexpected end/,
      "list.json": /^list.json: expected an object/,
      "loop_a.json":
        /extends itself: loop_a.json -> loop_b.json -> loop_a.json$/,
      "lost.json": /^lost.json: extends: Cannot read .*nowhere.json: it does/,
      "odd.json": /^odd.json: extends: expected a file name/,
      "proto.json": /^proto.json: __proto__: unknown key\n.*toString: unknown/,
      "deep.json": /^deep.json: a.a.a: nested too deeply/,
      "long.json": /it has 1048578 bytes, more than 1048576/,
      "folder.json": /folder.json: it is no file/,
      "absent.json": /absent.json: it does not exist/,
    };
    for (const [name, pattern] of Object.entries(expected)) {
      const lines = await problems(`${folder}/${name}`, [], folder);
      match(lines.join("\n"), pattern, name);
    }
  });
});

Deno.test("loadConfig() refuses overrides without a key or a value", async () => {
  for (const override of ["seed", "=3", ".seed=3", "phases..images=3"]) {
    match((await problems(undefined, [override]))[0]!, /expected key.path=/);
  }
});
