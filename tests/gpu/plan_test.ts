import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { dirname } from "node:path";
import { loadConfig } from "../../src/config/mod.ts";
import { type Disk, realEnv } from "../../src/env/mod.ts";
import { Device, type DeviceLimits } from "../../src/gpu/mod.ts";
import { planRun } from "../../src/phases/mod.ts";
import { PHASES, runTiny, tinyConfig, writeTinyCifar } from "../helpers/mod.ts";

/** Every loss and both kinds of state, few steps. */
const CONFIG = {
  phases: {
    teacher: { images: 48 },
    distill: {
      images: 96,
      labels: 0.5,
      hard: 0.5,
      soft: 0.5,
      feature: 0.1,
      relationalDistance: 2,
      relationalAngle: 4,
    },
    classify: { images: 48, backbone: "finetune" },
    selfTrain: { images: 48, threshold: 0.3, consistency: 1 },
    baseline: { images: 48 },
  },
};

async function withData(work: (data: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    await work(`${folder}/data`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The disk; a plan has no run folder, and must not look for one's files elsewhere. */
function diskOf(folder: string): Disk {
  return new Proxy(realEnv.disk, {
    get(disk, name: keyof Disk) {
      return (path: string, ...rest: unknown[]) => {
        ok(path.startsWith(`${folder}/`), `${name} ${path}`);
        return (disk[name] as (...args: unknown[]) => unknown)(path, ...rest);
      };
    },
  });
}

async function planOf(
  data: string,
  ranks: number,
  config: Record<string, unknown>,
  { limits = {}, speeds }: {
    limits?: Partial<DeviceLimits>;
    speeds?: number[] | undefined;
  } = {},
) {
  using device = await Device.open({ form: "register" });
  using dry = device.rehearsal(limits);
  return await planRun({
    env: { ...realEnv, disk: diskOf(dirname(data)) },
    config: tinyConfig(data, config),
    ranks,
    device: dry,
    speeds,
  });
}

Deno.test("planRun() predicts the peak of every phase within 5 %", async () => {
  await withData(async (data) => {
    for (
      const [name, ranks, config, weights] of [
        ["whole", 1, CONFIG],
        ["split", 2, { ...CONFIG, microBatch: 5, recompute: true }],
        ["cached", 1, { ...CONFIG, data: { padding: 0 } }],
        ["mixed", 2, { ...CONFIG, mixed: true }, [750, 250]],
      ] as const
    ) {
      const speeds = weights && weights.map((weight) => weight / 250);
      const plan = await planOf(data, ranks, config, { speeds });
      deepStrictEqual(plan.phases.map(({ phase }) => phase), [...PHASES]);
      const folder = `${data}-${name}`;
      if (weights !== undefined) {
        await Deno.mkdir(folder);
        const text = JSON.stringify({ weights });
        await Deno.writeTextFile(`${folder}/shares.json`, text);
        deepStrictEqual(plan.shares, [17, 7]);
      }
      const run = await runTiny({
        ranks,
        folder,
        data,
        phases: PHASES,
        config,
      });
      run.outcomes.forEach((outcome, i) => {
        if (outcome.state !== "done") throw new Error(`${name} stopped`);
        const peaks = outcome.summary.peak_gpu_bytes as number[];
        strictEqual(peaks.length, ranks);
        peaks.forEach((peak, rank) => {
          const planned = plan.phases[i]!.ranks.find((share) =>
            share.ranks.includes(rank)
          )!.peak_bytes;
          ok(
            Math.abs(planned - peak) <= 0.05 * peak,
            `${name}, ${
              PHASES[i]
            }, rank ${rank}: planned ${planned}, was ${peak}`,
          );
        });
      });
    }
  });
});

Deno.test("planRun() splits a batch that the adapter's bindings cannot hold", async () => {
  await withData(async (data) => {
    const whole = await planOf(data, 1, CONFIG);
    const [teacher] = whole.phases;
    strictEqual(teacher!.ranks[0]!.micro_batch, 24);
    // The largest activation holds the images: 3 * 32 * 32 floats each.
    const limit = { maxStorageBufferBindingSize: 10 * 3 * 32 * 32 * 4 };
    const split = await planOf(data, 1, CONFIG, { limits: limit });
    strictEqual(split.phases[0]!.ranks[0]!.micro_batch, 10);
    strictEqual(split.phases[0]!.ranks[0]!.micro_batches, 3);
    ok(
      split.phases[0]!.ranks[0]!.memory.activations! <
        teacher!.ranks[0]!.memory.activations!,
    );
  });
});

Deno.test("planRun() lists shares, parameters and what ranks exchange", async () => {
  await withData(async (data) => {
    const plan = await planOf(data, 5, CONFIG);
    for (const { ranks, all_reduce_bytes, parameters } of plan.phases) {
      // 24 images on 5 ranks.
      deepStrictEqual(ranks.map(({ images }) => images), [5, 4]);
      deepStrictEqual(ranks.map((share) => share.ranks.length), [4, 1]);
      ok(all_reduce_bytes >= 4 * parameters);
    }
    const alone = await planOf(data, 1, CONFIG);
    for (const { all_reduce_bytes, gather_bytes } of alone.phases) {
      strictEqual(all_reduce_bytes, 0);
      ok(gather_bytes.length <= 1);
    }
  });
});

Deno.test("planRun() counts the operations of matrix products as the model's shape gives them", async () => {
  await withData(async (data) => {
    const { dim, depth, patch } = { dim: 48, depth: 3, patch: 8 };
    const shape = { dim, depth, patch, heads: 3 };
    const [patches, classes] = [(32 / patch) ** 2, 10];
    const tokens = patches + 1;
    // Forward, gradients of what comes in, gradients of weights; images have none.
    const embedding = 2 * 2 * patches * (3 * patch ** 2) * dim;
    const blocks = 3 * depth * 24 * tokens * dim ** 2;
    // Two products forward, seven backward, which forms the scores again.
    const attention = depth * 9 * 2 * tokens ** 2 * dim;
    const image = embedding + blocks + attention + 3 * 2 * dim * classes;
    for (const [ranks, microBatch] of [[1, 0], [2, 0], [5, 3]] as const) {
      const config = { ...CONFIG, teacher: shape, microBatch };
      const { phases: [teacher] } = await planOf(data, ranks, config);
      for (const { images, flops } of teacher!.ranks) {
        strictEqual(flops / images, image, `${ranks} ranks, ${images} images`);
      }
    }
  });
});

Deno.test("planRun() plans every recipe of configs/", async () => {
  await withData(async (data) => {
    using device = await Device.open({ form: "register" });
    const planned = new Map<string, string[]>();
    for (const { name } of await realEnv.disk.list("configs")) {
      if (name === "schema.json") continue;
      const config = await loadConfig(realEnv.disk, `configs/${name}`, [
        "data.kind=cifar10",
        `data.path=${data}`,
        "data.trainPerClass=0",
        "data.labelsPerClass=4",
        "data.validationPerClass=3",
        "data.storeSize=0",
      ]);
      // Recipes that differ in labels alone hold the same.
      const same = JSON.stringify({ ...config, name: "" });
      if (planned.has(same)) continue;
      using dry = device.rehearsal();
      const { phases } = await planRun({
        env: realEnv,
        config,
        ranks: 1,
        device: dry,
      });
      planned.set(same, phases.map(({ phase }) => phase));
      ok(phases.every(({ steps }) => steps > 0), name);
    }
    ok([...planned.values()].filter((p) => p.includes("selfTrain")).length > 5);
  });
});

Deno.test("plan prints what a run would hold, with or without an adapter", async () => {
  await withData(async (data) => {
    const plan = async (...args: string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-q",
          "-A",
          "--no-check",
          "cluster/main.ts",
          "plan",
          "configs/cifar10.json",
          `data.path=${data}`,
          "data.labelsPerClass=4",
          "data.validationPerClass=3",
          ...args,
        ],
        env: { DENO_WEBGPU_BACKEND: "vulkan", NO_COLOR: "1" },
      }).output();
      const text = new TextDecoder().decode(stdout);
      return { code, text, error: new TextDecoder().decode(stderr) };
    };
    const { code, text, error } = await plan("--adapter", "none", "--json");
    strictEqual(code, 0, error);
    const made = JSON.parse(text);
    strictEqual(made.ranks, 1);
    strictEqual(made.adapter.form, "tiled");
    for (const { phase, ranks } of made.phases) {
      const kinds = Object.values(ranks[0].memory as Record<string, number>);
      strictEqual(
        kinds.reduce((sum, bytes) => sum + bytes, 0),
        ranks[0].peak_bytes,
        phase,
      );
    }
    const shown = await plan("--ranks", "3", "microBatch=8", "--verbose");
    strictEqual(shown.code, 0, shown.error);
    ok(/^teacher .* x 8 /m.test(shown.text), shown.text);
    ok(/scratch buffers/.test(shown.text), shown.text);
    const wrong = await plan("--adapter", "some");
    strictEqual(wrong.code, 2, wrong.error);
    const large = ["data.imageSize=1024", "teacher.patch=4"];
    for (
      const [more, text] of [
        // More tokens than workgroups in a dimension.
        [
          [],
          /^error: .* not even a micro-batch of one image fits: .* at most 65535/,
        ],
        [
          ["microBatch=64"],
          /^error: .* microBatch=64 does not fit: .*\nhint: microBatch=0 /,
        ],
      ] as const
    ) {
      const { code, error } = await plan(...large, "--form=register", ...more);
      strictEqual(code, 1, error);
      match(error, text);
      ok(!/^ +at /m.test(error), error);
    }
  });
});
