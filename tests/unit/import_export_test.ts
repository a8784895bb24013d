import { deepStrictEqual, doesNotMatch, match, strictEqual } from "node:assert";
import {
  fromMetadata,
  loadModel,
  type ModelInfo,
  toMetadata,
} from "../../src/classifier/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { vitSegments } from "../../src/model/mod.ts";
import { readSafetensorsFile, writeSafetensors } from "../../src/run/mod.ts";
import { command } from "../cluster/train_process.ts";

const { disk } = realEnv;

async function withFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await work(folder);
  } finally {
    await disk.remove(folder);
  }
}

Deno.test("import and export give back every tensor and setting of a Hugging Face model", async () => {
  await withFolder(async (folder) => {
    const theirs = "tests/fixtures/deit.hf.safetensors";
    const file = `${folder}/theirs/model.safetensors`;
    await disk.makeFolder(`${folder}/theirs`);
    await disk.write(file, await disk.read(theirs));
    const labels = Object.fromEntries(
      Array.from({ length: 10 }, (_, c) => [c, `bird ${c}`]),
    );
    await disk.write(
      `${folder}/theirs/config.json`,
      JSON.stringify({
        num_attention_heads: 3,
        layer_norm_eps: 1e-12,
        image_size: 32,
        id2label: labels,
      }),
    );
    await disk.write(
      `${folder}/theirs/preprocessor_config.json`,
      JSON.stringify({
        image_mean: [0.4, 0.5, 0.6],
        image_std: [0.2, 0.2, 0.3],
      }),
    );
    const own = `${folder}/own.safetensors`;
    const imported = await command(["import", file, "--out", own]);
    strictEqual(imported.code, 0, imported.stderr);
    match(
      imported.stdout,
      /DeiT: 32 pixels, patch 8, width 48, 2 blocks, 3 heads/,
    );
    const { metadata, tensors } = await readSafetensorsFile(disk, own);
    const info = fromMetadata(metadata, own);
    strictEqual(info.model.epsilon, 1e-12);
    strictEqual(info.classNames[7], "bird 7");
    deepStrictEqual(info.normalisation, {
      kind: "constant",
      mean: [0.4, 0.5, 0.6],
      deviation: [0.2, 0.2, 0.3],
    });
    deepStrictEqual(tensors.get("blocks.1.attn.qkv.weight")!.shape, [144, 48]);

    const out = `${folder}/back`;
    const exported = await command([
      "export",
      own,
      "--format",
      "hf",
      "--out",
      out,
    ]);
    strictEqual(exported.code, 0, exported.stderr);
    const before = (await readSafetensorsFile(disk, file)).tensors;
    const after = (await readSafetensorsFile(disk, `${out}/model.safetensors`))
      .tensors;
    strictEqual(after.size, 43);
    for (const [name, tensor] of after) {
      deepStrictEqual(tensor.shape, before.get(name)?.shape, name);
      deepStrictEqual(tensor.data, before.get(name)!.data, name);
    }
    const config = JSON.parse(await disk.readText(`${out}/config.json`));
    deepStrictEqual(config.id2label, labels);
    strictEqual(config.model_type, "deit");
    strictEqual(config.num_attention_heads, 3);
    const { image_std } = JSON.parse(
      await disk.readText(`${out}/preprocessor_config.json`),
    );
    deepStrictEqual(image_std, [0.2, 0.2, 0.3]);
    const card = await disk.readText(`${out}/README.md`);
    match(card, /^---\nlibrary_name: transformers\npipeline_tag: image-classi/);
    match(card, /\nbird 0, bird 1, /);
    // Nothing is known of how it was trained, or how good it is.
    doesNotMatch(card, /trained with|Training|Results/);

    await disk.write(`${out}/README.md`, "mine");
    const again = await command([
      "export",
      own,
      "--format=hf",
      "--without-head",
      `--out=${out}`,
    ]);
    match(again.stdout, /README\.md was there, and is kept/);
    strictEqual(await disk.readText(`${out}/README.md`), "mine");
    const { architectures, id2label } = JSON.parse(
      await disk.readText(`${out}/config.json`),
    );
    deepStrictEqual([architectures, id2label], [["DeiTModel"], undefined]);
  });
});

Deno.test("what is exported with Hugging Face names is still a classifier, with all that its files cannot say", async () => {
  await withFolder(async (folder) => {
    const model: ModelInfo["model"] = {
      image: 32,
      patch: 8,
      dim: 48,
      depth: 2,
      heads: 3,
      classes: 10,
      distilled: true,
      epsilon: 1e-6,
    };
    const info: ModelInfo = {
      model,
      feature: "class",
      normalisation: { kind: "image" },
      classNames: Array.from({ length: 10 }, (_, c) => `bird ${c}`),
      images: { channels: 1, width: 32, height: 32, padded: true },
      temperature: 0.7,
      phase: "classify",
    };
    const { tensors } = await readSafetensorsFile(
      disk,
      "tests/fixtures/deit.safetensors",
    );
    const weights = new Map(
      vitSegments(model).flatMap(({ parameters }) =>
        parameters.map(({ name }) =>
          [name, tensors.get(`ema.${name}`)!] as const
        )
      ),
    );
    const own = `${folder}/own.safetensors`;
    await disk.write(own, writeSafetensors(weights, toMetadata(info)));
    const out = `${folder}/theirs`;
    const exported = await command([
      "export",
      own,
      "--format=hf",
      `--out=${out}`,
    ]);
    strictEqual(exported.code, 0, exported.stderr);
    const before = await loadModel(disk, own);
    const theirs = await loadModel(disk, `${out}/model.safetensors`);
    deepStrictEqual(theirs.info, info);
    deepStrictEqual(theirs.values, before.values);
    deepStrictEqual((await loadModel(disk, `${out}/`)).info, info);

    const back = `${folder}/back.safetensors`;
    const imported = await command(["import", `${out}/`, `--out=${back}`]);
    strictEqual(imported.code, 0, imported.stderr);
    doesNotMatch(imported.stderr, /note/);
    deepStrictEqual((await loadModel(disk, back)).info, info);
  });
});

Deno.test("import takes means, deviations and classes from timm's config.json, of all its ages", async () => {
  await withFolder(async (folder) => {
    const said = {
      input_size: [3, 32, 32],
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    };
    const names = Array.from({ length: 10 }, (_, c) => `n0${c}`);
    const configs = [
      { label_names: names, pretrained_cfg: said },
      { pretrained_cfg: { ...said, label_names: names } },
      { ...said, labels: { ...names } },
    ];
    await disk.write(
      `${folder}/model.safetensors`,
      await disk.read("tests/fixtures/deit.hf.safetensors"),
    );
    const out = `${folder}/own.safetensors`;
    for (const config of configs) {
      await disk.write(`${folder}/config.json`, JSON.stringify(config));
      const end = await command(["import", folder, "--heads=3", "--out", out]);
      strictEqual(end.code, 0, end.stderr);
      doesNotMatch(end.stderr, /nothing says how/);
      const { metadata } = await readSafetensorsFile(disk, out);
      const { normalisation, classNames } = fromMetadata(metadata, out);
      deepStrictEqual(normalisation, {
        kind: "constant",
        mean: said.mean,
        deviation: said.std,
      });
      deepStrictEqual(classNames, names);
    }
  });
});

Deno.test("import says what is wrong with a file that is no ViT", async () => {
  const end = await command(["import", "tests/fixtures/schedule.safetensors"]);
  strictEqual(end.code, 2);
  match(end.stderr, /^error: .*it is no ViT or DeiT\nhint: /);
});
