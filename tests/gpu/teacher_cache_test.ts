import { deepStrictEqual, match, notDeepStrictEqual, ok } from "node:assert";
import { parseConfig } from "../../src/config/mod.ts";
import { hashDataSet, loadDataSet } from "../../src/data/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { ImageStore } from "../../src/ops/mod.ts";
import {
  type Context,
  createModel,
  teacherConfig,
} from "../../src/phases/context.ts";
import { TeacherRun } from "../../src/phases/teacher_outputs.ts";
import {
  TeacherCache,
  type TeacherCacheOptions,
} from "../../src/phases/teacher_cache.ts";
import {
  CONSTANTS,
  Inference,
  type Leases,
  PatchInput,
  soloCommunicator,
} from "../../src/training/mod.ts";
import {
  assertClose,
  gaussian,
  leasesInMemory,
  linkRanks,
  runTiny,
  writeTinyCifar,
} from "../helpers/mod.ts";

/** Training images; none of the losses sees them augmented. */
const IMAGES = 120;

async function withFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Teacher and distillation in a run folder of their own. */
async function distill(
  folder: string,
  name: string,
  options: {
    ranks: number;
    cacheTeacher?: "auto" | "off";
    padding?: number;
    images?: number;
    precision?: "f32" | "f16";
  },
) {
  const { ranks, cacheTeacher = "auto", padding = 0, images = 144 } = options;
  const { precision = "f32" } = options;
  const { outcomes, metrics, warnings } = await runTiny({
    ranks,
    folder: `${folder}/${name}`,
    cacheFolder: `${folder}/cache`,
    data: `${folder}/data`,
    phases: ["teacher", "distill"],
    config: {
      precision,
      data: { padding },
      phases: {
        teacher: { images: 96 },
        distill: {
          images,
          cacheTeacher,
          labels: 0.5,
          hard: 0.5,
          soft: 0.5,
          feature: 0.1,
          relationalDistance: 2,
          relationalAngle: 4,
        },
      },
    },
  });
  const [, outcome] = outcomes;
  ok(outcome?.state === "done");
  return {
    summary: outcome.summary,
    losses: metrics.filter(({ phase, split }) =>
      phase === "distill" && split === "train"
    ).map(({ loss }) => loss as number),
    warnings,
  };
}

async function cacheFiles(folder: string): Promise<string[]> {
  const [key] = await Array.fromAsync(Deno.readDir(`${folder}/cache/teacher`));
  const at = `${folder}/cache/teacher/${key!.name}`;
  return (await Array.fromAsync(Deno.readDir(at)))
    .filter(({ name }) => name.endsWith(".f32"))
    .map(({ name }) => `${at}/${name}`);
}

Deno.test("distillation from cached teacher outputs has the losses of a teacher that runs in every step", async () => {
  await withFolder(async (folder) => {
    const live = await distill(folder, "live", {
      ranks: 1,
      cacheTeacher: "off",
    });
    deepStrictEqual(live.summary.teacher_images_computed, undefined);
    const first = await distill(folder, "first", { ranks: 1 });
    deepStrictEqual(first.losses, live.losses);
    deepStrictEqual(first.summary.teacher_images_computed, IMAGES);
    const second = await distill(folder, "second", { ranks: 1 });
    deepStrictEqual(second.losses, live.losses);
    deepStrictEqual(second.summary.teacher_images_computed, 0);
    deepStrictEqual(second.summary.teacher_images_cached, IMAGES);
    deepStrictEqual(second.warnings, []);
  });
});

Deno.test("distillation in f16 from cached teacher outputs has the losses of a teacher that runs in every step", async () => {
  using device = await Device.open();
  if (!device.hasF16) return;
  await withFolder(async (folder) => {
    const half = { ranks: 1, precision: "f16" } as const;
    const live = await distill(folder, "live", {
      ...half,
      cacheTeacher: "off",
    });
    const cached = await distill(folder, "cached", half);
    deepStrictEqual(cached.summary.teacher_images_computed, IMAGES);
    deepStrictEqual(cached.losses, live.losses);
  });
});

Deno.test("two ranks fill the teacher's cache together and have the losses of one", async () => {
  await withFolder(async (folder) => {
    const live = await distill(folder, "live", {
      ranks: 2,
      cacheTeacher: "off",
    });
    const cached = await distill(folder, "cached", { ranks: 2 });
    assertClose(cached.losses, live.losses, { rtol: 1e-5 });
    const alone = await distill(folder, "alone", { ranks: 1 });
    assertClose(alone.losses, live.losses, { rtol: 1e-4 });
  });
});

Deno.test("damaged and foreign files in the teacher's cache are named and computed anew", async () => {
  await withFolder(async (folder) => {
    const first = await distill(folder, "first", { ranks: 1 });
    const [file] = await cacheFiles(folder);
    const whole = await Deno.readFile(file!);
    for (
      const [name, bytes] of [
        ["flipped", whole.with(whole.length - 5, whole.at(-5)! ^ 1)],
        ["torn", whole.slice(0, 1000)],
        ["foreign", new TextEncoder().encode("<html>not found</html>")],
      ] as const
    ) {
      await Deno.writeFile(file!, bytes as Uint8Array<ArrayBuffer>);
      const again = await distill(folder, name, { ranks: 1 });
      deepStrictEqual(again.losses, first.losses, name);
      deepStrictEqual(again.summary.teacher_images_computed, IMAGES);
      match(again.warnings.join(), /000000\.f32 is not usable .*: it/);
      deepStrictEqual(await Deno.readFile(file!), whole, name);
    }
  });
});

Deno.test("the teacher has no cache where views are augmented, images are left out or nothing can be written", async () => {
  await withFolder(async (folder) => {
    for (
      const [name, options] of [
        ["padded", { padding: 2 }],
        ["short", { images: 48 }],
      ] as const
    ) {
      const { summary } = await distill(folder, name, { ranks: 1, ...options });
      deepStrictEqual(summary.teacher_images_computed, undefined, name);
    }
    await Deno.writeTextFile(`${folder}/cache`, "no folder");
    const { summary, warnings } = await distill(folder, "full", { ranks: 1 });
    deepStrictEqual(summary.teacher_images_computed, undefined);
    match(warnings.join("\n"), /cannot write .*\n.* runs in every step/);
  });
});

/** Ranks of one world, each with a disk of its own, or all with one. */
async function openCaches(
  folder: string,
  ranks: number,
  options: {
    seed: number;
    sizes: TeacherCacheOptions["sizes"];
    disk?: string;
    leases?: readonly Leases[];
  },
) {
  const config = parseConfig({
    data: { kind: "cifar10", path: `${folder}/data`, labelsPerClass: 2 },
    teacher: { patch: 8, dim: 32, depth: 1, heads: 2 },
  });
  const data = await loadDataSet(realEnv.disk, {
    ...config.data,
    path: `${folder}/data`,
    seed: config.seed,
  });
  await using world = linkRanks(ranks);
  const results = await Promise.all(world.links.map(async (link, rank) => {
    using device = await Device.open({ form: "register" });
    const context = {
      env: realEnv,
      config,
      communicator: ranks === 1
        ? soloCommunicator()
        : Object.assign(link, { leases: options.leases?.[rank] }),
      cacheFolder: `${folder}/${options.disk ?? `disk-${rank}`}`,
      log: () => {},
      device,
      data,
      dataHash: hashDataSet(data),
      trainStore: ImageStore.create(device, data.train),
    } as unknown as Context;
    const cache = await TeacherCache.open(context, {
      teacher: {
        model: createModel(device, teacherConfig(context), options.seed),
        normalisation: CONSTANTS.half,
        feature: "both",
      },
      reads: { tokens: true, attention: true },
      batch: 7,
      onBatch: () => {},
      ...(options.sizes ? { sizes: options.sizes } : {}),
    });
    if (cache === undefined) return undefined;
    const { logits, feature, tokens, attention } = cache.widths;
    return {
      ...cache.figures,
      rows: await cache.read(
        [5, 119, 0, 5],
        logits + feature + tokens + attention,
      ),
      short: await cache.read([119], logits + feature),
    };
  }));
  return results;
}

Deno.test("TeacherCache.open() evaluates what a disk lacks, reads rows from files and goes on after an interruption", async () => {
  await withFolder(async (folder) => {
    // 10 logits, 32 features, 17 tokens, 16 patches: 2408 bytes a row, 8 rows a file.
    const small = { chunkBytes: 20_000, heldBytes: 0 };
    const open = (ranks: number, sizes = small, seed = 1) =>
      openCaches(folder, ranks, { seed, sizes });
    const [zero, one] = await open(2);
    deepStrictEqual([zero!.computed, one!.computed], [IMAGES, IMAGES]);
    deepStrictEqual(one!.rows, zero!.rows);
    deepStrictEqual(zero!.short[0], zero!.rows[1]!.slice(0, 42));

    const [held] = await open(1, { ...small, heldBytes: 1 << 20 });
    deepStrictEqual([held!.computed, held!.found], [0, IMAGES]);
    deepStrictEqual(
      held!.rows.map((row) => [...row]),
      zero!.rows.map((row) => [...row]),
    );

    const [key] = await Array.fromAsync(
      Deno.readDir(`${folder}/disk-0/teacher`),
    );
    const at = `${folder}/disk-0/teacher/${key!.name}`;
    for (const chunk of [2, 3]) await Deno.remove(`${at}/00000${chunk}.f32`);
    const [again, other] = await open(2);
    deepStrictEqual([again!.computed, again!.found], [16, IMAGES - 16]);
    deepStrictEqual(other!.computed, 0);
    deepStrictEqual(again!.rows, zero!.rows);

    const [different] = await open(1, small, 2);
    deepStrictEqual(different!.computed, IMAGES);
    notDeepStrictEqual(different!.rows, zero!.rows);
  });
});

Deno.test("TeacherCache.open() evaluates each chunk once where ranks lease them and share a disk", async () => {
  await withFolder(async (folder) => {
    const sizes = { chunkBytes: 20_000, heldBytes: 0 };
    const [alone] = await openCaches(folder, 1, { seed: 1, sizes });
    const [zero, one] = await openCaches(folder, 2, {
      seed: 1,
      sizes,
      disk: "shared",
      leases: leasesInMemory(2),
    });
    deepStrictEqual(zero!.computed + one!.computed, IMAGES);
    ok(Math.min(zero!.computed, one!.computed) > 0, "both compute");
    deepStrictEqual([zero!.rows, one!.rows], [alone!.rows, alone!.rows]);
  });
});

Deno.test("TeacherCache.open() gives up on all ranks when one that leases chunks cannot write", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/disk-1`, "no folder");
    const caches = await openCaches(folder, 2, {
      seed: 1,
      sizes: { chunkBytes: 20_000, heldBytes: 0 },
      leases: leasesInMemory(2),
    });
    deepStrictEqual(caches, [undefined, undefined]);
  });
});

Deno.test("TeacherRun.evaluate() predicts as the model does elsewhere: by both heads of a distilled one", async () => {
  await withFolder(async (folder) => {
    const { train } = await loadDataSet(realEnv.disk, {
      ...parseConfig({ data: { kind: "cifar10" } }).data,
      path: `${folder}/data`,
      seed: 1,
    });
    using device = await Device.open({ form: "register" });
    using store = ImageStore.create(device, train);
    const config = {
      image: 32,
      patch: 8,
      dim: 32,
      depth: 1,
      heads: 2,
      classes: 10,
      distilled: true,
      epsilon: 1e-6,
    };
    const model = createModel(device, config, 1);
    for (const [seed, name] of ["head.weight", "head_dist.weight"].entries()) {
      // They are 0 until they learn.
      device.write(
        model.parameters.get(name),
        gaussian(10 * config.dim, { seed }),
      );
    }
    const common = { device, model, store, feature: "both" } as const;
    using run = await TeacherRun.open({
      ...common,
      normalisation: CONSTANTS.half,
      reads: { tokens: false, attention: false },
      batch: 4,
    });
    const rows = new Float32Array(4 * (10 + config.dim));
    run.evaluate(0, 4, rows);
    using input = new PatchInput(device, CONSTANTS.half);
    using inference = new Inference({
      ...common,
      communicator: soloCommunicator(),
      input,
      indices: Int32Array.of(0, 1, 2, 3),
    });
    const logits = await inference.run();
    for (let i = 0; i < 4; i++) {
      deepStrictEqual(
        [...rows.subarray(i * (10 + config.dim)).subarray(0, 10)],
        [...logits.subarray(10 * i, 10 * i + 10)],
      );
    }
    ok(new Set(logits).size === 40);
    model.parameters[Symbol.dispose]();
  });
});
