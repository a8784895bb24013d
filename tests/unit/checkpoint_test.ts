import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { type Disk, realEnv, SignetError } from "../../src/env/mod.ts";
import {
  CheckpointMismatchError,
  float32Tensor,
  listCheckpoints,
  loadCheckpoint,
  readPointer,
  saveCheckpoint,
  toFloat32,
} from "../../src/run/mod.ts";

const { disk } = realEnv;

async function withRun(
  action: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await action(folder);
  } finally {
    await disk.remove(folder);
  }
}

function parts(value: number) {
  const tensor = (scale: number) =>
    float32Tensor([2, 3], new Float32Array(6).fill(value * scale));
  return {
    model: new Map([["blocks.0.norm1.weight", tensor(1)]]),
    optimizer: new Map([["first.blocks.0.norm1.weight", tensor(2)]]),
    ema: new Map([["blocks.0.norm1.weight", tensor(3)]]),
  };
}

async function save(
  folder: string,
  step: number,
  options: { best?: boolean; phase?: string; on?: Disk; keep?: number } = {},
): Promise<string> {
  return await saveCheckpoint(options.on ?? disk, folder, {
    phase: options.phase ?? "teacher",
    step,
    parts: parts(step),
    state: { step, thresholds: [step / 10] },
    best: options.best ?? false,
    keep: options.keep ?? 2,
    fingerprint: "abc",
  });
}

/** Step of what `loadCheckpoint` gives, after comparing its content. */
async function loadedStep(
  folder: string,
  phase = "teacher",
): Promise<number | undefined> {
  const found = await loadCheckpoint(disk, folder, { phase });
  if (!found) return undefined;
  const { step, state } = found;
  deepStrictEqual(state, { step, thresholds: [step / 10] });
  const expected: Record<string, Map<string, unknown>> = parts(step);
  deepStrictEqual(Object.keys(found.parts).sort(), [
    "ema",
    "model",
    "optimizer",
  ]);
  for (const [part, tensors] of Object.entries(found.parts)) {
    deepStrictEqual(tensors, expected[part]);
  }
  return step;
}

Deno.test("saveCheckpoint() keeps the newest, the best and other phases", async () => {
  await withRun(async (folder) => {
    strictEqual(await loadedStep(folder), undefined);
    await save(folder, 5, { phase: "distill" });
    for (const step of [10, 20, 30, 40, 100]) {
      await save(folder, step, { best: step === 20 });
    }
    deepStrictEqual(
      (await listCheckpoints(disk, folder)).map(({ name }) => name),
      ["distill-5", "teacher-20", "teacher-40", "teacher-100"],
    );
    strictEqual(await readPointer(disk, folder, "last"), "teacher-100");
    strictEqual(await readPointer(disk, folder, "best"), "teacher-20");
    strictEqual(await loadedStep(folder), 100);
    strictEqual(await loadedStep(folder, "distill"), 5);
    const best = await loadCheckpoint(disk, folder, {
      phase: "teacher",
      best: true,
    });
    strictEqual(best?.step, 20);
    const named = await loadCheckpoint(disk, folder, { name: "teacher-40" });
    strictEqual(named?.step, 40);
    strictEqual(
      await loadCheckpoint(disk, folder, { name: "../teacher-40" }),
      undefined,
    );
  });
});

Deno.test("saveCheckpoint() gives the same files for the same state", async () => {
  await withRun(async (folder) => {
    const path = `${folder}/checkpoints/${await save(folder, 7)}/manifest.json`;
    const first = await disk.readText(path);
    await save(folder, 7);
    strictEqual(await disk.readText(path), first);
    deepStrictEqual(
      (await disk.list(`${folder}/checkpoints`)).map(({ name }) => name),
      ["last", "teacher-7"],
    );
  });
});

Deno.test("saveCheckpoint() refuses weights that are no numbers", async () => {
  await withRun(async (folder) => {
    await save(folder, 1);
    const bad = parts(2);
    const { data, ...rest } = float32Tensor([2], Float32Array.of(1, NaN));
    const odd = new Uint8Array(9);
    odd.set(data, 1);
    for (const bytes of [data, odd.subarray(1)]) {
      bad.model = new Map([["head.bias", { ...rest, data: bytes }]]);
      await rejects(
        saveCheckpoint(disk, folder, {
          phase: "teacher",
          step: 2,
          parts: bad,
          state: null,
          keep: 1,
        }),
        /teacher-2\/model: head.bias\[1\] is not a finite number/,
      );
    }
    strictEqual(await loadedStep(folder), 1);
  });
});

const FILES = [
  "model.safetensors",
  "optimizer.safetensors",
  "ema.safetensors",
  "state.json",
  "manifest.json",
];
const DAMAGE: Record<string, (bytes: Uint8Array) => Uint8Array | undefined> = {
  "is missing": () => undefined,
  "is empty": () => new Uint8Array(0),
  "is cut": (bytes) => bytes.slice(0, bytes.length - 3),
  "has a changed byte": (bytes) => {
    const copy = bytes.slice();
    copy[copy.length >> 1]! ^= 1;
    return copy;
  },
};

for (const file of FILES) {
  for (const [kind, damage] of Object.entries(DAMAGE)) {
    Deno.test(`loadCheckpoint() takes the one before when ${file} ${kind}`, async () => {
      await withRun(async (folder) => {
        await save(folder, 1);
        await save(folder, 2);
        const path = `${folder}/checkpoints/teacher-2/${file}`;
        const bytes = damage(await disk.read(path));
        await disk.remove(path);
        if (bytes) await disk.write(path, bytes);
        const found = await loadCheckpoint(disk, folder, { phase: "teacher" });
        strictEqual(found?.step, 1);
        strictEqual(found.skipped.length, 1);
        ok(found.skipped[0]!.startsWith(`${folder}/checkpoints/teacher-2/`));
        match(found.skipped[0]!, /is damaged: /);
        if (file !== "manifest.json") ok(found.skipped[0]!.includes(file));
      });
    });
  }
}

Deno.test("loadCheckpoint() says what is wrong when all are damaged", async () => {
  await withRun(async (folder) => {
    await save(folder, 1);
    await disk.write(`${folder}/checkpoints/teacher-1/state.json`, "");
    await rejects(
      loadCheckpoint(disk, folder, { phase: "teacher" }),
      (error: unknown) => {
        ok(error instanceof SignetError);
        match(error.message, /state.json is damaged: 0 bytes, expected \d+/);
        return true;
      },
    );
  });
});

Deno.test("loadCheckpoint() refuses a folder that was renamed", async () => {
  await withRun(async (folder) => {
    await save(folder, 1);
    const all = `${folder}/checkpoints`;
    await disk.rename(`${all}/teacher-1`, `${all}/teacher-9`);
    await rejects(
      loadCheckpoint(disk, folder, { phase: "teacher" }),
      /manifest.json is damaged: it describes teacher-1/,
    );
  });
});

Deno.test("loadCheckpoint() refuses files outside the folder", async () => {
  await withRun(async (folder) => {
    await save(folder, 1);
    const path = `${folder}/checkpoints/teacher-1/manifest.json`;
    const manifest = JSON.parse(await disk.readText(path));
    manifest.parts[0].file = "../../secret.json";
    await disk.write(path, JSON.stringify(manifest));
    await rejects(
      loadCheckpoint(disk, folder, { phase: "teacher" }),
      /manifest.json is damaged: it is no manifest/,
    );
  });
});

Deno.test("loadCheckpoint() refuses a checkpoint of another configuration", async () => {
  await withRun(async (folder) => {
    await save(folder, 1);
    ok(
      await loadCheckpoint(disk, folder, {
        phase: "teacher",
        fingerprint: "abc",
      }),
    );
    await rejects(
      loadCheckpoint(disk, folder, { phase: "teacher", fingerprint: "abd" }),
      CheckpointMismatchError,
    );
  });
});

/** A disk that stops working at its n-th change, as if the process had died. */
function crashingDisk(changes: number): Disk {
  let left = changes;
  function change<Args extends unknown[]>(
    action: (...args: Args) => Promise<void>,
  ) {
    return (...args: Args) =>
      left-- > 0 ? action(...args) : Promise.reject(new Error("crash"));
  }
  return {
    ...disk,
    write: change(disk.write),
    append: change(disk.append),
    rename: change(disk.rename),
    remove: change(disk.remove),
    makeFolder: change(disk.makeFolder),
  };
}

for (const again of [false, true]) {
  Deno.test(
    `saveCheckpoint() leaves a loadable checkpoint when it dies at any write ${
      again ? "over an existing one" : "of a new one"
    }`,
    async () => {
      let crashes = 0;
      for (let changes = 0;; changes++) {
        let finished = false;
        await withRun(async (folder) => {
          await save(folder, 1, { keep: 1 });
          const step = again ? 1 : 2;
          try {
            await save(folder, step, { keep: 1, on: crashingDisk(changes) });
            finished = true;
          } catch (error) {
            strictEqual((error as Error).message, "crash");
            crashes++;
          }
          const loaded = await loadedStep(folder);
          ok(finished ? loaded === step : loaded === 1 || loaded === step);
          await save(folder, 3, { keep: 1 });
          strictEqual(await loadedStep(folder), 3);
          deepStrictEqual(
            (await disk.list(`${folder}/checkpoints`)).map(({ name }) => name),
            ["last", "teacher-3"],
          );
        });
        if (finished) break;
      }
      ok(crashes >= 9, `${crashes} crash points`);
    },
  );
}

Deno.test("toFloat32() copies, so a loaded tensor can be changed", async () => {
  await withRun(async (folder) => {
    await save(folder, 4);
    const found = await loadCheckpoint(disk, folder, { phase: "teacher" });
    const tensor = found!.parts.model!.get("blocks.0.norm1.weight")!;
    toFloat32(tensor)[0] = 9;
    strictEqual(toFloat32(tensor)[0], 4);
  });
});
