import type { Disk } from "../../src/env/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import {
  confusionMatrix,
  evaluateLogits,
  ROC_GRID,
  rocCurves,
} from "../../src/evaluation/mod.ts";
import { type MetricsLine, RunFolder } from "../../src/run/mod.ts";
import { gaussian, uniform, writeTinyCifar } from "../helpers/mod.ts";

const PHASES = [
  { name: "teacher", images: 60_000, to: 0.826, from: 0.31 },
  { name: "distill", images: 40_000, to: 0.71, from: 0.42 },
  { name: "classify", images: 10_000, to: 0.7158, from: 0.58 },
  { name: "selfTrain", images: 20_000, to: 0.7412, from: 0.7 },
  { name: "baseline", images: 30_000, to: 0.6331, from: 0.3 },
];

/** Figures of a finished run as `summary.json` holds them. */
export function sampleSummary(reliability: unknown): Record<string, unknown> {
  const phases = Object.fromEntries(PHASES.map(({ name, images, to }, i) => [
    name,
    {
      test_accuracy: to,
      val_accuracy: to + 0.0123 - i * 0.004,
      test_macro_f1: to - 0.0061,
      test_loss: 0.5 + i * 0.0917,
      steps: Math.ceil(images / 128),
      images,
      seconds: images / (391.7 + i * 13),
      images_per_second: 391.7 + i * 13,
      parameters: 163_018 + i,
      ...(name === "selfTrain"
        ? {
          pseudo_label_yield: 0.6123,
          pseudo_label_accuracy: 0.8931,
          reliability,
          test_ece: 0.0412,
        }
        : {}),
    },
  ]));
  return {
    phases,
    baseline: { test_accuracy: PHASES[4]!.to },
    shipped: {
      phase: "selfTrain",
      reason: "highest validation accuracy of ST-Class and SSL-ST-Class",
    },
  };
}

function metrics(classes: number): MetricsLine[] {
  const next = uniform(classes);
  const lines: MetricsLine[] = [];
  for (const [p, { name, images, from, to }] of PHASES.entries()) {
    const steps = Math.ceil(images / 128);
    for (let step = 5; step <= steps; step += 5) {
      const done = 1 - Math.exp(-4 * step / steps);
      const value = from + (to - from) * done;
      const line = { time: 0, phase: name, step, epoch: step * 128 / 10_000 };
      lines.push({
        ...line,
        split: "train",
        loss: 2.3 * (1 - value) + 0.1 * next(),
        ...(name === "distill"
          ? {}
          : { accuracy: Math.min(1, value + 0.05 * next()) }),
        lr: 1e-3,
        images_per_second: 400,
        data_ms: 9 + next(),
        forward_ms: 80 + 10 * p,
        backward_ms: 170 + 12 * p,
        update_ms: 6,
        step_ms: 330 + 22 * p,
        communication_ms: 28 + 4 * next(),
        ready_ms: [290 + 20 * p, 210 + 20 * p],
        wait_ms: [28 + 4 * next(), 110 + 4 * next()],
        round_trip_ms: [0.4, 0.4],
        exposed_communication: 0.2,
        ...(name === "selfTrain"
          ? {
            mask_rate: 0.4 + 0.3 * done,
            pseudo_label_yield: 0.35 + 0.27 * done,
            pseudo_label_accuracy: 0.93 - 0.04 * done,
          }
          : {}),
      });
      if (step % 40 === 0 || step > steps - 5) {
        lines.push({
          ...line,
          split: "validation",
          loss: 2.2 * (1 - value) + 0.2,
          accuracy: value + 0.01 * next(),
          macro_precision: value + 0.012,
          macro_recall: value,
          macro_f1: value - 0.006,
        });
      }
    }
  }
  const last = lines.at(-1)!;
  return [...lines, { ...last, split: "test" }];
}

const FASHION = [
  "T-shirt/top",
  "Trouser",
  "Pullover",
  "Dress",
  "Coat",
  "Sandal",
  "Shirt",
  "Sneaker",
  "Bag",
  "Ankle boot",
];

/** Writes a finished run with the given number of classes. */
export async function writeSampleRun(
  disk: Disk,
  folder: string,
  classes: number,
): Promise<void> {
  const run = await RunFolder.create(disk, folder);
  await run.writeJson(
    "config.json",
    parseConfig({
      name: "fashion-4-labels",
      seed: 7,
      data: { kind: "cifar10", path: `${folder}/data` },
    }),
  );
  await run.writeJson("run.json", {
    state: "done",
    id: "2026-11-24-1412-fashion-4-labels",
    versions: { signet: "0.1.0", deno: "2.9.6" },
    ranks: [0, 1].map((rank) => ({
      rank,
      host: "workstation",
      pid: 4100 + rank,
      adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
    })),
  });
  const names = classes === FASHION.length
    ? FASHION
    : Array.from({ length: classes }, (_, i) => `class ${i}`);
  const labels = Int32Array.from(
    { length: classes * 100 },
    (_, i) => i % classes,
  );
  const logits = gaussian(labels.length * classes, { seed: 3, scale: 1.6 });
  labels.forEach((label, i) => {
    logits[i * classes + label]! += 3.4;
    logits[i * classes + (label + 2) % classes]! += 1.9;
  });
  const result = evaluateLogits(logits, labels, classes);
  await run.writeConfusion(
    names,
    confusionMatrix(labels, result.predictions, classes),
  );
  await disk.write(
    `${folder}/metrics.jsonl`,
    metrics(classes).map((line) => `${JSON.stringify(line)}\n`).join(""),
  );
  await run.writeSummary(sampleSummary(result.reliability));
  await writeTinyCifar(`${folder}/data`, { train: 8, test: 2 });
  const curves = rocCurves(result.probabilities, labels, classes);
  await run.writeJson("roc_selfTrain.json", {
    fpr: ROC_GRID,
    micro: curves.micro,
    macro: curves.macro,
    classes: names.map((name, c) => ({
      name,
      auc: result.auc.class[c],
      tpr: curves.class[c],
    })),
  });
  const next = uniform(5);
  await run.writeTable(
    "pseudo_labels.csv",
    [
      "index",
      "name",
      "label",
      "class",
      "confidence",
      "weight",
      "kept",
      "reason",
      "first_round",
      "times_used",
      "times_seen",
      "flips",
      "true_label",
    ],
    Array.from({ length: 60 }, (_, i) => {
      const confidence = 0.3 + 0.7 * next();
      const kept = confidence >= 0.8;
      return [
        i,
        `data_batch_1.bin[${i}]`,
        i % 10,
        names[i % 10]!,
        confidence.toFixed(6),
        kept ? 1 : 0,
        kept ? 1 : 0,
        kept ? "" : "confidence below 0.8",
        kept ? 2 : "",
        kept ? 3 : 0,
        5,
        i % 7 === 0 ? 2 : 0,
        i % 9 === 0 ? (i + 1) % 10 : i % 10,
      ];
    }),
  );
  await run.writeTable(
    "suspected_labels_selfTrain.csv",
    [
      "part",
      "index",
      "name",
      "label",
      "suggested",
      "confidence",
      "self_confidence",
    ],
    [0, 1, 2].map((i) => [
      "test",
      i,
      `test_batch.bin[${i}]`,
      names[i]!,
      names[i + 1]!,
      0.9 - 0.1 * i,
      0.05,
    ]),
  );
  await run.writeTable(
    "duplicates.csv",
    ["group", "part", "index", "name", "label", "likeness", "mirrored"],
    [
      [0, "labelled", 4, "data_batch_1.bin[4]", names[4]!, "1.0000", 0],
      [0, "test", 4, "test_batch.bin[4]", names[4]!, "1.0000", 0],
    ],
  );
}
