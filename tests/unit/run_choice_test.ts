import { deepStrictEqual, match, rejects, strictEqual } from "node:assert";
import { checkInputs, chooseRun } from "../../cluster/launch/mod.ts";
import { lockRun } from "../../cluster/launch/run_lock.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";

async function withFolder(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A run folder with the given configuration. */
async function putRun(folder: string, overrides: string[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const config = await loadConfig(realEnv.disk, undefined, overrides);
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
}

Deno.test("chooseRun() makes a name of time and configuration when nothing is said", async () => {
  const { folder, resumed } = await chooseRun(realEnv, {
    overrides: ["name=frog"],
  });
  match(folder, /^runs\/\d{4}-\d\d-\d\d-\d{4}-frog(-\d+)?$/);
  strictEqual(resumed, false);
});

Deno.test("chooseRun() runs as many steps as asked when trying out", async () => {
  const { config } = await chooseRun(realEnv, {
    overrides: ["globalBatch=10"],
    fastSteps: 3,
  });
  const { teacher, distill, classify, selfTrain, baseline } = config.phases;
  deepStrictEqual(
    [teacher, distill, classify, selfTrain, baseline].map((p) => p.images),
    [30, 30, 30, 30, 30],
  );
});

Deno.test("chooseRun() goes on with the stored configuration, on other ranks too", async () => {
  await withFolder(async (folder) => {
    await putRun(folder, ["seed=7", "ranks=2", "globalBatch=64"]);
    const stored = await chooseRun(realEnv, { overrides: [], resume: folder });
    deepStrictEqual(
      [stored.resumed, stored.folder, stored.config.seed, stored.config.ranks],
      [true, folder, 7, 2],
    );
    const other = await chooseRun(realEnv, {
      overrides: ["ranks=3"],
      resume: `${folder}/`,
    });
    deepStrictEqual([other.config.seed, other.config.ranks], [7, 3]);
    await rejects(
      chooseRun(realEnv, { overrides: ["seed=8"], resume: folder }),
      // Not all in which it differs from the default configuration.
      {
        message: /configuration differs in seed$/,
        hint: "resume without overrides, or start a new run",
      },
    );
    // What it has anyway is no change.
    const same = { overrides: ["seed=7", "ranks=4"], resume: folder };
    strictEqual((await chooseRun(realEnv, same)).config.ranks, 4);
    await rejects(
      chooseRun(realEnv, { overrides: [], resume: folder, fastSteps: 2 }),
      {
        message:
          /differs in data\.testPerClass, (phases\.\w+\.images,? ){4}and 1 more$/,
        hint: "resume without --fast-dev-run, or start a new run",
      },
    );
    const { config } = await chooseRun(realEnv, {
      overrides: ["seed=7", "globalBatch=32"],
      fastSteps: 2,
    });
    const fast = `${folder}/fast`;
    await Deno.mkdir(fast);
    await Deno.writeTextFile(`${fast}/config.json`, JSON.stringify(config));
    const again = { overrides: [], resume: fast, fastSteps: 2 };
    strictEqual((await chooseRun(realEnv, again)).config.seed, 7);
  });
});

Deno.test("lockRun() takes over the lock of a process that has ended", async () => {
  await withFolder(async (folder) => {
    const ended = new Deno.Command("true").spawn();
    await ended.status;
    const stale = JSON.stringify({ pid: ended.pid, host: Deno.hostname() });
    await Deno.writeTextFile(`${folder}/lock`, stale);
    {
      await using _lock = await lockRun(folder, () => {});
      const holder = JSON.parse(await Deno.readTextFile(`${folder}/lock`));
      strictEqual(holder.pid, Deno.pid);
    }
    const left = await Array.fromAsync(Deno.readDir(folder));
    deepStrictEqual(left, []);
  });
});

Deno.test("checkInputs() misses files that a run begins with, not those it has taken over", async () => {
  await withFolder(async (folder) => {
    const images = [
      "data.kind=folder",
      "data.path=tests/fixtures/data/imagefolder",
      "data.validationPerClass=2",
    ];
    await Deno.mkdir(`${folder}/one/only`, { recursive: true });
    for (let i = 0; i < 10; i++) {
      await Deno.writeTextFile(`${folder}/one/only/${i}.png`, "");
    }
    for (
      const [words, text] of [
        [[`data.path=${folder}/one/only`], /has no folder train/],
        [
          [`data.path=${folder}/one`, "data.testFraction=0.2"],
          /it has one class, only/,
        ],
        [["data.labelsPerClass=0"], /Cannot self-train .* all 45 training/],
        [["data.labelsPerClass=99"], /too few in letter_a 15, letter_e 15/],
        [["data.path=tests/fixtures/data/imagefolder/train"], /no test part/],
      ] as const
    ) {
      const config = await loadConfig(realEnv.disk, undefined, [
        ...images,
        ...words,
      ]);
      await rejects(checkInputs(realEnv, { config, resumed: false }), text);
      await checkInputs(realEnv, { config, resumed: true });
    }
    const missing = {
      "data.labels": ["data.labels=no.csv"],
      "teacher.weights": ["teacher.weights=no.bin"],
      "teachers.0.weights": ['teachers=[{"weights":"no.bin"}]'],
      "voters.0.weights": [
        'phases.selfTrain.voters=[{"weights":"no.bin"}]',
        "phases.selfTrain.method=pseudo-label",
      ],
    };
    for (const [key, words] of Object.entries(missing)) {
      const config = await loadConfig(realEnv.disk, undefined, [
        ...images,
        ...words,
      ]);
      await rejects(
        checkInputs(realEnv, { config, resumed: false }),
        (error) => error instanceof ConfigError && error.message.includes(key),
      );
      await checkInputs(realEnv, { config, resumed: true });
    }
    const unused = await loadConfig(realEnv.disk, undefined, [
      ...images,
      "teacher.weights=no.bin",
      "phases.teacher.enabled=false",
      "phases.distill.enabled=false",
    ]);
    await checkInputs(realEnv, { config: unused, resumed: false });

    const weights = "student.weights=tests/fixtures/deit.hf.safetensors";
    const cut = "tests/fixtures/data/imagefolder/train/letter_a/000.png";
    for (
      const [words, text] of [
        [
          [weights],
          /\[1,1,48\] in the file.* \(student\.weights .*deit\.hf\.saf/,
        ],
        [[`student.weights=${cut}`], /000\.png: it is no safetensors file/],
      ] as const
    ) {
      const config = await loadConfig(realEnv.disk, undefined, [
        ...images,
        ...words,
      ]);
      await rejects(checkInputs(realEnv, { config, resumed: false }), text);
    }
  });
});
