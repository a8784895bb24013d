import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import type { Config } from "../../src/config/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import {
  compileEarly,
  Device,
  type KernelForm,
  type PipelineUse,
} from "../../src/gpu/mod.ts";
import { nextPhase } from "../../src/phases/early_start.ts";
import { loadContext, loadImages } from "../../src/phases/load_context.ts";
import {
  type EarlyOptions,
  type Engine,
  type EngineOptions,
  openEngine,
  startEarly,
} from "../../src/phases/mod.ts";
import { rehearse } from "../../src/phases/run_phase.ts";
import { silentOptions } from "../../src/phases/silent_options.ts";
import { soloCommunicator } from "../../src/training/mod.ts";
import { PHASES, tinyConfig, writeTinyCifar } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];

interface Options extends EarlyOptions {
  messages: string[];
}

/** Options of a run on a few images, whose adapter was measured to have this form. */
async function withRun(
  form: KernelForm | undefined,
  work: (options: Options) => Promise<void>,
  overrides?: Parameters<typeof tinyConfig>[1],
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 12, test: 4 });
    const runFolder = `${folder}/run`;
    await Deno.mkdir(runFolder);
    if (form) await Deno.writeTextFile(`${runFolder}/kernel_form`, form);
    const messages: string[] = [];
    await work({
      env: realEnv,
      config: tinyConfig(`${folder}/data`, overrides),
      runFolder,
      cacheFolder: `${folder}/cache`,
      rank: 0,
      size: 1,
      messages,
      log: (level, message) => {
        if (level === "warn") messages.push(message);
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The pipelines of all phases. */
async function allUses(
  device: Device,
  { env, config }: { env: typeof realEnv; config: Config },
): Promise<readonly PipelineUse[]> {
  using dry = device.rehearsal();
  const options = silentOptions({ env, config, rank: 0, size: 1 });
  const context = await loadContext(options, dry, await loadImages(options));
  const uses = new Map<string, PipelineUse>();
  for (const phase of PHASES) {
    const { pipelines } = await rehearse(context, phase);
    for (const use of pipelines) uses.set(nameOf(use), use);
  }
  return [...uses.values()];
}

function nameOf({ kernel, constants }: PipelineUse): string {
  return `${kernel.name} ${JSON.stringify(constants)}`;
}

function engineOptions(options: Options): EngineOptions {
  return {
    ...silentOptions(options),
    communicator: soloCommunicator(),
    runFolder: options.runFolder,
    cacheFolder: options.cacheFolder,
  };
}

for (const form of FORMS) {
  Deno.test(`compileEarly() runs the kernels of all phases without an objection in the ${form} form`, async () => {
    await withRun(form, async (options) => {
      using device = await Device.open({ form });
      const uses = await allUses(device, options);
      deepStrictEqual(await compileEarly(device, uses, async () => {}), []);
      deepStrictEqual(device.pipelines.uses.map(nameOf), uses.map(nameOf));
      await device.gpu.queue.onSubmittedWorkDone();
      device.check();
    });
  });
}

Deno.test("compileEarly() returns what the GPU objects to and leaves the device usable", async () => {
  await withRun("register", async (options) => {
    using device = await Device.open();
    const [use] = await allUses(device, options);
    const objections = await compileEarly(
      device,
      [{ ...use!, buffers: use!.buffers + 1 }],
      async () => {},
    );
    strictEqual(objections.length, 1);
    device.check();
  });
});

Deno.test("openEngine() goes on with an early start: the phase needs no further pipeline", async () => {
  await withRun("register", async (options) => {
    using early = startEarly(options);
    const ready = await early.take("register");
    const made = ready!.device.pipelines.uses.map(nameOf);
    ok(made.length > 10);
    using engine: Engine = await openEngine(engineOptions(options), {
      ...early,
      take: () => Promise.resolve(ready),
    });
    const { state } = await engine.runPhase("teacher");
    strictEqual(state, "done");
    deepStrictEqual(options.messages, []);
    deepStrictEqual(ready!.device.pipelines.uses.map(nameOf), made);
  }, { phases: { teacher: { images: 48 } } });
});

Deno.test("startEarly() hands over a device in the form that was measured, and no other", async () => {
  await withRun(undefined, async (options) => {
    using unknown = startEarly(options);
    ok(await unknown.identity);
    strictEqual(await unknown.take("register"), undefined);
  });
  await withRun("tiled", async (options) => {
    using other = startEarly(options);
    strictEqual(await other.take("register"), undefined);
    using early = startEarly(options);
    const { device, rehearsed } = (await early.take("tiled"))!;
    using _ = device;
    strictEqual(device.form, "tiled");
    strictEqual(rehearsed!.phase, "teacher");
  });
});

Deno.test("startEarly() leaves what fails to openEngine(), which reports it", async () => {
  await withRun("register", async (options) => {
    const data = { ...options.config.data, path: `${options.runFolder}/none` };
    const wrong = { ...options, config: { ...options.config, data } };
    using early = startEarly(wrong);
    await rejects(openEngine(engineOptions(wrong), early), ConfigError);
  });
});

Deno.test("nextPhase() is the first that is to run and has no figures", async () => {
  const phases = { distill: { enabled: false } };
  await withRun(undefined, async (options) => {
    strictEqual(await nextPhase(options), "teacher");
    await Deno.writeTextFile(
      `${options.runFolder}/summary.json`,
      JSON.stringify({ phases: { teacher: { steps: 2 } } }),
    );
    strictEqual(await nextPhase(options), "classify");
  }, { phases });
});
