import { deepStrictEqual, match, ok } from "node:assert";
import {
  assertClose,
  copyFolder,
  openTiny,
  type TinyEngines,
  writeTinyCifar,
} from "../helpers/mod.ts";

/** 5 steps of self-training from the same classified student. */
const COMMON = {
  student: { distilled: true, dropPath: 0.1, feature: "class" },
  phases: {
    distill: { enabled: false },
    classify: {
      images: 480,
      backbone: "finetune",
      optimizer: { learningRate: 0.01 },
    },
    selfTrain: { images: 120, threshold: 0.3, unlabelledRatio: 2 },
  },
};

/** Each method with the options that only it reads. */
const METHODS: Record<string, Record<string, unknown>> = {
  "pseudo-label in every step": {
    method: "pseudo-label",
    rounds: 0,
    rampUp: 0.4,
  },
  "noisy-student": { method: "noisy-student", rounds: 2 },
  "pi-model": { method: "pi-model", unlabelledWeight: 10 },
  "mean-teacher": {
    method: "mean-teacher",
    unlabelledWeight: 50,
    rampUp: 0.4,
  },
  "uda with annealing": { method: "uda", uda: { annealing: "linear" } },
  freematch: { method: "freematch", freematch: { fairness: 0.5 } },
  softmatch: { method: "softmatch" },
  adamatch: { method: "adamatch", threshold: 0.9 },
  remixmatch: { method: "remixmatch" },
  "semi-vit": { method: "semi-vit", unlabelledWeight: 5 },
  "pseudo-label in rounds, with voters": {
    method: "pseudo-label",
    rounds: 2,
    combine: "vote",
    voters: [{}],
  },
  fixmatch: { method: "fixmatch" },
  "flexmatch with voters": {
    method: "flexmatch",
    combine: "vote",
    voters: [{}, {}],
  },
};

/** Those with a state of their own, and those that couple images. */
const STATEFUL = [
  "noisy-student",
  "freematch",
  "adamatch",
  "remixmatch",
  "flexmatch with voters",
];

type Lines = Record<string, unknown>[];

interface Trained {
  lines: Lines;
  /** Bytes of the last checkpoint's model; absent where the phase stopped before. */
  model: Uint8Array | undefined;
  /** Lines of `pseudo_labels.csv`. */
  table: string[];
  summary: Record<string, unknown>;
  warnings: string[];
}

let folder: string;
/** By their number of ranks; all tests use the same, since their kernels take longer than phases. */
const opened = new Map<number, TinyEngines>();

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "signet-" });
  const data = `${folder}/data`;
  await writeTinyCifar(data, { train: 12, test: 4 });
  for (const ranks of [1, 3]) {
    const own = `${folder}/ranks-${ranks}`;
    const engines = await openTiny({
      ranks,
      folder: own,
      data,
      config: COMMON,
    });
    opened.set(ranks, engines);
  }
  await opened.get(1)!.run(["classify"]);
  await Deno.rename(`${folder}/ranks-1`, `${folder}/start`);
});

Deno.test.afterAll(async () => {
  for (const engines of opened.values()) await engines.close();
  await Deno.remove(folder, { recursive: true });
});

/** Runs self-training, over and over from the same classified student. */
async function train(
  { ranks, selfTrain, microBatch = 0, ...options }: {
    ranks: 1 | 3;
    selfTrain: Record<string, unknown>;
    stopAfter?: number;
    microBatch?: number;
    /** Goes on where the last call with as many ranks has stopped. */
    resume?: boolean;
  },
): Promise<Trained> {
  const own = `${folder}/ranks-${ranks}`;
  if (!options.resume) {
    if (await exists(own)) await Deno.remove(own, { recursive: true });
    await copyFolder(`${folder}/start`, own);
  }
  const weights = `${folder}/start/checkpoints/classify-20/model.safetensors`;
  const { voters, ...rest } = selfTrain;
  const run = await opened.get(ranks)!.run(["selfTrain"], {
    stopAfter: options.stopAfter,
    config: {
      microBatch,
      phases: {
        selfTrain: {
          ...rest,
          ...(Array.isArray(voters)
            ? { voters: voters.map(() => ({ weights })) }
            : {}),
        },
      },
    },
  });
  const [outcome] = run.outcomes;
  return {
    warnings: run.warnings,
    summary: outcome?.state === "done" ? outcome.summary : {},
    lines: run.metrics.filter(({ phase, split }) =>
      phase === "selfTrain" && split === "train"
    ),
    model: await Deno.readFile(
      `${own}/checkpoints/selfTrain-5/model.safetensors`,
    ).catch(() => undefined),
    table: (await Deno.readTextFile(`${own}/pseudo_labels.csv`)
      .catch(() => "")).trim().split("\n"),
  };
}

Deno.test("runPhase() gives the same losses on 1 and 3 ranks with every method of self-training", async (t) => {
  for (const [name, selfTrain] of Object.entries(METHODS)) {
    await t.step(name, async () => {
      const [one, three] = [
        await train({ ranks: 1, selfTrain }),
        await train({ ranks: 3, selfTrain }),
      ];
      deepStrictEqual(one.lines.length, 5);
      for (const key of ["loss", "mask_rate", "pseudo_label_accuracy"]) {
        const of = ({ lines }: { lines: Lines }) =>
          lines.map((line) => line[key]).filter((v) => v !== undefined);
        assertClose(
          of(three) as number[],
          of(one) as number[],
          { rtol: 1e-4, atol: 1e-6 },
          `${name}: ${key}`,
        );
      }
      ok(new Set(one.lines.map(({ loss }) => loss)).size === 5, name);
      const rates = one.lines.map((line) => Number(line.mask_rate ?? 0.5));
      ok(rates.some((rate) => rate > 0), `${name}: no label was used`);
      // 12 images a class, less 4 labelled and 3 for validation.
      deepStrictEqual(one.table.length, 1 + 50, name);
      // 16 of 24 images of a step are unlabelled.
      deepStrictEqual(Number(one.lines[4]!.epoch).toFixed(9), "1.600000000");
      deepStrictEqual(three.table.length, 1 + 50, name);
      const rounds = Number(selfTrain.rounds ?? 0);
      ok(rounds === 0 || new Set(rates).size <= rounds, `${name}: ${rates}`);
      if (!STATEFUL.includes(name)) return;
      const again = { ranks: 1 as const, selfTrain };
      ok(one.model !== undefined, name);
      // Between rounds, where there are two, and after a step of the second one.
      for (const stopAfter of rounds > 0 ? [3, 4] : [3]) {
        await train({ ...again, stopAfter });
        const resumed = await train({ ...again, resume: true });
        deepStrictEqual(losses(resumed), losses(one), `${name}, resumed`);
        deepStrictEqual(resumed.model, one.model, name);
      }
      const split = await train({ ...again, microBatch: 5 });
      assertClose(
        losses(split),
        losses(one),
        { rtol: 1e-4 },
        "micro-batches",
      );
    });
  }
});

Deno.test('runPhase("selfTrain") says when ranks have too few images of one kind', async () => {
  // 2 of 24 images.
  const selfTrain = { unlabelledRatio: 11, images: 24 };
  const one = await train({ ranks: 1, selfTrain });
  deepStrictEqual(one.warnings, []);
  const { warnings } = await train({ ranks: 3, selfTrain });
  match(warnings[0]!, /has 3 labelled and 21 unlabelled .* each of 3 ranks/);
});

Deno.test('runPhase("selfTrain") answers a collapse as the configuration says', async (t) => {
  /** Any labels count as collapsed after 2 steps. */
  const guard = {
    window: 2,
    leastRate: 1,
    drift: 0,
    attempts: 1,
    startAccuracy: 0,
  };
  const run = (selfTrain: Record<string, unknown>) =>
    train({ ranks: 1, selfTrain: { threshold: 0, ...selfTrain } });
  await t.step("stop", async () => {
    const { summary, warnings } = await run({
      guard: { ...guard, answer: "stop" },
    });
    deepStrictEqual(summary.steps, 2);
    match(String(summary.stopped), /pseudo-labels/);
    match(warnings.join("\n"), /selfTrain, step 2: .*; the phase ends/);
    const { lines: [unsure] } = await run({ threshold: 1, images: 24 });
    deepStrictEqual(unsure!.mask_rate, 0);
    ok(!Object.hasOwn(unsure!, "pseudo_label_accuracy"));
  });
  await t.step("rollback, then stop", async () => {
    const { summary, warnings } = await run({
      guard: { ...guard, answer: "rollback" },
    });
    deepStrictEqual(summary.steps, 4);
    match(warnings.join("\n"), /back to the weights of step 0/);
    deepStrictEqual(summary.collapses, 2);
  });
  await t.step("a phase that was rolled back resumes", async () => {
    const selfTrain = {
      threshold: 0,
      guard: { ...guard, attempts: 9, answer: "rollback" },
    };
    const whole = await train({ ranks: 1, selfTrain });
    ok(whole.model !== undefined);
    await train({ ranks: 1, selfTrain, stopAfter: 3 });
    const resumed = await train({ ranks: 1, selfTrain, resume: true });
    deepStrictEqual(losses(resumed), losses(whole));
  });
  await t.step(
    "targets of a consistency loss are watched, and need more confidence then",
    async () => {
      const watched = {
        method: "mean-teacher",
        images: 240,
        unlabelledWeight: 50,
        guard: { ...guard, leastRate: 0, window: 8, answer: "raise" },
      };
      const { lines, warnings, table } = await run(watched);
      match(
        warnings.join("\n"),
        /step 8: .* of the targets .*; targets need a confidence of 0.500 now/,
      );
      const seen = table[0]!.split(",").indexOf("times_seen");
      ok(table.slice(1).some((line) => Number(line.split(",")[seen]) > 0));
      const other = await run({
        ...watched,
        guard: { ...watched.guard, answer: "warn" },
      });
      deepStrictEqual(
        losses(other).slice(0, 8),
        losses({ lines }).slice(0, 8),
      );
      ok(losses(other)[8] !== losses({ lines })[8]);
    },
  );
  await t.step("a start below the bound is not trained", async () => {
    const pi = { method: "pi-model", emaDecay: 1 - 1e-7 };
    const { summary, lines, table } = await run({
      ...pi,
      guard: { ...guard, startAccuracy: 1 },
    });
    // An average that hardly moves is shipped, so its labels are in the table,
    // not those of the student that learned.
    const trained = await run({ ...pi, guard: { ...guard, window: 99 } });
    const labels = ({ table }: Pick<Trained, "table">) =>
      table.slice(1).map((line) => line.split(",").slice(0, 5).join());
    deepStrictEqual(labels(trained), labels({ table }));
    deepStrictEqual([summary.steps, summary.best_step, lines.length], [
      0,
      0,
      0,
    ]);
    match(String(summary.refused), /startAccuracy asks for 100.0 %/);
  });
});

function losses({ lines }: { lines: Lines }): number[] {
  return lines.map(({ loss }) => loss as number);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
