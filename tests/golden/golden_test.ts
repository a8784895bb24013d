import { deepStrictEqual, ok, rejects } from "node:assert";
import { fileURLToPath } from "node:url";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { type FileReport, runGolden } from "../../src/golden/mod.ts";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import {
  float32Tensor,
  readSafetensorsFile,
  type StoredTensor,
  toFloat32,
  writeSafetensors,
} from "../../src/run/mod.ts";

const FIXTURES = fileURLToPath(new URL("../fixtures", import.meta.url));
const FORMS: readonly KernelForm[] = ["register", "tiled"];

/** A folder of copied and changed fixtures that is removed at the end. */
class Folder {
  readonly path = Deno.makeTempDirSync();

  /** Copies a fixture, after `change` has had its tensors and metadata. */
  async add(
    from: string,
    change: (
      tensors: Map<string, StoredTensor>,
      metadata: Record<string, string>,
    ) => void = () => {},
    to = from,
  ): Promise<this> {
    const { tensors, metadata } = await readSafetensorsFile(
      realEnv.disk,
      `${FIXTURES}/${from}.safetensors`,
    );
    change(tensors, metadata);
    await this.write(to, writeSafetensors(tensors, metadata));
    return this;
  }

  async write(name: string, bytes: Uint8Array): Promise<this> {
    await Deno.writeFile(`${this.path}/${name}.safetensors`, bytes);
    return this;
  }

  async run(device: Device): Promise<Map<string, FileReport>> {
    const { files } = await runGolden(this.path, { env: realEnv, device });
    return new Map(
      files.map((file) => [file.file.replace(/\.safetensors$/, ""), file]),
    );
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Names of the failed groups of a file. */
function failed(file: FileReport | undefined): string[] {
  return file!.groups.filter((group) => !group.passed)
    .map((group) => group.group);
}

/** Moves one value of a tensor by `step`. */
function disturb(
  tensors: Map<string, StoredTensor>,
  name: string,
  step: number,
): void {
  const tensor = tensors.get(name)!;
  const values = toFloat32(tensor);
  values[values.length - 1]! += step;
  tensors.set(name, float32Tensor(tensor.shape, values));
}

for (const form of FORMS) {
  Deno.test(`runGolden() passes all fixtures in ${form} form`, async () => {
    using device = await Device.open({ form });
    const report = await runGolden(FIXTURES, { env: realEnv, device });
    deepStrictEqual(
      report.files.flatMap(({ file, groups }) =>
        groups.filter(({ passed }) => !passed).map((group) => ({
          file,
          ...group,
        }))
      ),
      [],
    );
    deepStrictEqual(report.failed, 0);
    const cases = report.files.map((file) => file.case);
    deepStrictEqual(cases, [
      "deit.hf",
      "deit",
      "dtypes.expected",
      "dtypes",
      "losses",
      "metrics",
      "odd.hf",
      "odd",
      "ops",
      "resize",
      "rules",
      "schedule",
      "semi.hf",
      "semi",
      "vit.hf",
      "vit",
    ]);
    // Only the key bias of models trained with AdamW is excused.
    const excused = report.files.filter((file) => file.excused.length > 0);
    deepStrictEqual(excused.map((file) => file.case), ["deit", "odd", "vit"]);
  });
}

Deno.test("runGolden() fails the group of a value that is wrong", async () => {
  using folder = new Folder();
  using device = await Device.open();
  await folder.add("losses", (tensors) => {
    disturb(tensors, "loss.kd_soft_t4", 1e-3);
    disturb(tensors, "grad.entropy", NaN);
  });
  await folder.add("schedule", (tensors) => disturb(tensors, "cosine.1", 1e-8));
  await folder.add(
    "rules",
    (tensors) => disturb(tensors, "softmatch.var", 1e-2),
  );
  await folder.add(
    "metrics",
    (tensors) => disturb(tensors, "tiny.auc.macro", 1e-4),
  );
  const files = await folder.run(device);
  deepStrictEqual(failed(files.get("losses")), ["loss", "grad"]);
  const [loss, grad] = files.get("losses")!.groups;
  deepStrictEqual(loss!.tensor, "loss.kd_soft_t4");
  deepStrictEqual(grad, {
    ...grad!,
    tensor: "grad.entropy",
    worst: null,
  });
  deepStrictEqual(failed(files.get("schedule")), ["host"]);
  deepStrictEqual(failed(files.get("rules")), ["state"]);
  deepStrictEqual(failed(files.get("metrics")), ["host"]);
});

Deno.test("runGolden() fails a file with a tensor that it does not compare", async () => {
  using folder = new Folder();
  using device = await Device.open();
  const scalar = float32Tensor([], new Float32Array([1]));
  await folder.add("losses", (tensors) => {
    tensors.set("loss.unheard_of", scalar);
  });
  await folder.add("rules", (tensors) => {
    tensors.set("novelmatch.weight", scalar);
  });
  await folder.add("metrics", (tensors) => {
    tensors.set("tiny.figure", scalar);
  });
  await folder.add("dtypes");
  await folder.write("schedule", writeSafetensors(new Map()));
  const files = await folder.run(device);
  for (
    const [name, tensor] of [
      ["losses", "loss.unheard_of"],
      ["rules", "novelmatch.weight"],
      ["metrics", "tiny.figure"],
    ] as const
  ) {
    const group = files.get(name)!.groups.at(-1)!;
    deepStrictEqual(failed(files.get(name)), ["coverage"]);
    ok(group.message!.includes(`not compared: ${tensor}`), group.message);
  }
  deepStrictEqual(failed(files.get("dtypes")), []);
  deepStrictEqual(
    files.get("schedule")!.groups.at(-1)!.message,
    "no tensor was compared",
  );
});

Deno.test("runGolden() fails unknown cases, broken files and missing siblings, and goes on", async () => {
  using folder = new Folder();
  using device = await Device.open();
  await folder.add("schedule");
  await folder.add("schedule", () => {}, "mystery");
  await folder.add("odd.hf");
  await folder.add("dtypes.expected");
  await folder.write("vit", new Uint8Array([1, 2, 3]));
  await folder.add("deit", (_, metadata) => {
    metadata.config = metadata.config!.replace('"hard"', '"imaginary"');
  });
  const files = await folder.run(device);
  deepStrictEqual(failed(files.get("schedule")), []);
  deepStrictEqual(failed(files.get("mystery")), ["case"]);
  deepStrictEqual(failed(files.get("odd.hf")), ["exact", "coverage"]);
  deepStrictEqual(failed(files.get("dtypes.expected")), ["exact", "coverage"]);
  deepStrictEqual(failed(files.get("vit")), ["run"]);
  deepStrictEqual(failed(files.get("deit")), ["run", "coverage"]);
});

Deno.test("runGolden() obeys the metadata of a model file", async () => {
  using folder = new Folder();
  using device = await Device.open();
  const other = (from: string, to: string) =>
    folder.add("odd", (_, metadata) => {
      ok(metadata.config!.includes(from));
      metadata.config = metadata.config!.replace(from, to);
    });
  await other('"weight_decay": 0.05', '"weight_decay": 0.5');
  const decayed = await folder.run(device);
  ok(failed(decayed.get("odd")).includes("after"));
  await other('"smooth": 0.0', '"smooth": 0.5');
  const smoothed = await folder.run(device);
  ok(failed(smoothed.get("odd")).includes("loss"));
  await folder.add("odd", (_, metadata) => {
    metadata.no_decay = metadata.no_decay!.replace('"norm.bias", ', "");
  });
  const misplaced = await folder.run(device);
  ok(failed(misplaced.get("odd")).includes("layout"));
});

Deno.test("runGolden() refuses a folder without golden files", async () => {
  using folder = new Folder();
  using device = await Device.open();
  for (const path of [folder.path, `${folder.path}/none`]) {
    await rejects(
      runGolden(path, { env: realEnv, device }),
      (error) => error instanceof ConfigError && error.exitCode === 2,
    );
  }
});
