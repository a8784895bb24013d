import { deepStrictEqual, ok, rejects, throws } from "node:assert";
import { parseConfig } from "../../src/config/mod.ts";
import { ConfigError, type Disk, realEnv } from "../../src/env/mod.ts";
import { checkWeights } from "../../src/phases/mod.ts";
import { type StoredTensor, writeSafetensors } from "../../src/run/mod.ts";
import {
  fitWeights,
  initialValues,
  type NamedValues,
  toHuggingFaceNames,
  toTimmNames,
  type VitConfig,
  vitSegments,
} from "../../src/model/mod.ts";

const SMALL: VitConfig = {
  image: 12,
  patch: 4,
  dim: 6,
  depth: 2,
  heads: 2,
  classes: 5,
  distilled: false,
  epsilon: 1e-6,
};

function valuesOf(config: VitConfig, seed: number): NamedValues {
  return initialValues(vitSegments(config), seed);
}

function fit(file: NamedValues, config: VitConfig) {
  const segments = vitSegments(config);
  return fitWeights(file, {
    config,
    segments,
    initial: initialValues(segments, 7),
  });
}

for (const distilled of [false, true]) {
  Deno.test(`toTimmNames() undoes toHuggingFaceNames() with distilled = ${distilled}`, () => {
    const values = valuesOf({ ...SMALL, distilled }, 1);
    const theirs = toHuggingFaceNames(values);
    const root = distilled ? "deit" : "vit";
    ok(theirs.has(`${root}.encoder.layer.1.attention.attention.key.weight`));
    ok(
      theirs.has(
        distilled ? "distillation_classifier.bias" : "classifier.bias",
      ),
    );
    const back = toTimmNames(theirs);
    deepStrictEqual(new Set(back.keys()), new Set(values.keys()));
    for (const [name, value] of values) deepStrictEqual(back.get(name), value);
  });
}

Deno.test("fitWeights() loads every tensor when shapes agree, with any usual prefix", () => {
  for (const prefix of ["", "module.", "model."]) {
    const file: NamedValues = new Map(
      [...valuesOf(SMALL, 1)].map(([name, value]) => [prefix + name, value]),
    );
    const { values, report } = fit(file, SMALL);
    deepStrictEqual(values, valuesOf(SMALL, 1));
    ok(report.every(({ action }) => action === "loaded"));
  }
});

Deno.test("fitWeights() makes the head anew when the classes differ, and names what it ignores", () => {
  const file = valuesOf({ ...SMALL, classes: 9 }, 1);
  file.set("pooler.dense.weight", { shape: [1], data: new Float32Array(1) });
  const { values, report } = fit(file, SMALL);
  deepStrictEqual(
    values.get("head.weight"),
    valuesOf(SMALL, 7).get("head.weight"),
  );
  deepStrictEqual(
    report.filter(({ action }) => action !== "loaded").map((
      { name, action },
    ) => [name, action]),
    [
      ["head.weight", "initialised"],
      ["head.bias", "initialised"],
      ["pooler.dense.weight", "ignored"],
    ],
  );
});

Deno.test("fitWeights() resizes positions and copies the class token when the model is larger and distilled", () => {
  const file = valuesOf(SMALL, 1);
  const { values, report } = fit(file, {
    ...SMALL,
    image: 20,
    distilled: true,
  });
  deepStrictEqual(values.get("pos_embed")!.data.length, (2 + 25) * 6);
  const positions = values.get("pos_embed")!.data;
  const first = file.get("pos_embed")!.data.slice(0, 6);
  deepStrictEqual(positions.slice(0, 6), first);
  deepStrictEqual(positions.slice(6, 12), first);
  deepStrictEqual(
    values.get("dist_token")!.data,
    file.get("cls_token")!.data,
  );
  deepStrictEqual(
    report.find(({ name }) => name === "pos_embed")?.action,
    "resized",
  );
});

Deno.test("fitWeights() takes the one patch of a file for all of a larger distilled model", () => {
  const file = valuesOf({ ...SMALL, image: 4 }, 1);
  const { values } = fit(file, { ...SMALL, distilled: true });
  const [token, patch] = [0, 1].map((
    row,
  ) => [...file.get("pos_embed")!.data.slice(6 * row, 6 * row + 6)]);
  const rows = Array.from(
    { length: 2 + 9 },
    (_, row) => [
      ...values.get("pos_embed")!.data.slice(6 * row, 6 * row + 6),
    ],
  );
  const places = Array.from({ length: 9 }, () => patch);
  deepStrictEqual(rows, [token, token, ...places]);
});

Deno.test("fitWeights() refuses a file whose backbone lacks a tensor or has another width", () => {
  const file = valuesOf(SMALL, 1);
  file.delete("blocks.1.mlp.fc1.weight");
  throws(
    () => fit(file, SMALL),
    (error: Error) =>
      error instanceof ConfigError &&
      error.message.includes("blocks.1.mlp.fc1.weight"),
  );
  throws(
    () => fit(valuesOf({ ...SMALL, dim: 8 }, 1), SMALL),
    (error: Error) => error instanceof ConfigError,
  );
});

Deno.test("fitWeights() refuses tensors of the backbone for which the model has no place", () => {
  for (
    const name of [
      "blocks.1.ls1.gamma",
      "blocks.0.attn.q_norm.weight",
      "vit.encoder.layer.0.layer_scale1.lambda1",
      "reg_token",
      "norm_pre.weight",
    ]
  ) {
    const file = valuesOf(SMALL, 1);
    file.set(name, { shape: [6], data: new Float32Array(6) });
    throws(
      () => fit(file, SMALL),
      (error: Error) =>
        error instanceof ConfigError &&
        error.message.includes(name.replace("vit.", "")),
    );
  }
});

Deno.test("checkWeights() reads names and shapes of a file and no tensor", async () => {
  const path = "tests/fixtures/deit.hf.safetensors";
  const { size } = await realEnv.disk.stat(path) ?? { size: 0 };
  let bytes = 0;
  const disk = new Proxy(realEnv.disk, {
    get(target, key: keyof Disk) {
      if (key === "read") throw new Error("Cannot read a whole file");
      if (key !== "readRange") return target[key];
      return async (...place: Parameters<Disk["readRange"]>) => {
        const found = await target.readRange(...place);
        bytes += found.length;
        return found;
      };
    },
  });
  const config = parseConfig({
    student: {
      patch: 8,
      dim: 48,
      depth: 2,
      heads: 3,
      distilled: true,
      weights: path,
    },
    phases: {
      teacher: { enabled: false },
      distill: { enabled: false },
    },
  });
  await checkWeights(disk, config);
  ok(bytes > 0 && bytes < size / 2, `${bytes} of ${size} bytes`);
  const narrow = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    const tensor = { dtype: "F8_E5M2", shape: [1], data: new Uint8Array(1) };
    await Deno.writeFile(
      narrow,
      writeSafetensors(new Map([["cls_token", tensor as StoredTensor]])),
    );
    config.student.weights = narrow;
    await rejects(
      checkWeights(disk, config),
      /Cannot load student.weights .*: cls_token is F8_E5M2/,
    );
  } finally {
    await Deno.remove(narrow);
  }
});

Deno.test("initialValues() differ by seed and have the deviation of their layer", () => {
  const wide = { ...SMALL, dim: 64, heads: 4 };
  const values = valuesOf(wide, 1).get("blocks.0.mlp.fc1.weight")!.data;
  const deviation = Math.sqrt(
    values.reduce((sum, x) => sum + x * x, 0) / values.length,
  );
  // Xavier for 64 -> 256, cut at two deviations: 0.88 of the normal's.
  const expected = 0.88 * Math.sqrt(2 / (64 + 256));
  ok(Math.abs(deviation / expected - 1) < 0.05, `${deviation}`);
  ok(valuesOf(wide, 2).get("blocks.0.mlp.fc1.weight")!.data[0] !== values[0]);
});
