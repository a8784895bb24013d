import {
  batchesFor,
  batchesOf,
  calibrated,
  Classifier,
  loadModel,
  mapClasses,
  type Outputs,
  runAll,
  type StoredModel,
} from "../../src/classifier/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import {
  loadSplitData,
  openLabelled,
  type SkippedImage,
} from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import {
  evaluateConfidences,
  evaluateLogits,
} from "../../src/evaluation/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";
import { Console } from "../console.ts";
import { kindOf } from "./data_kind.ts";
import {
  describeEvaluation,
  evaluationJson,
  type EvaluationReport,
} from "./evaluation_text.ts";
import { writeEvaluation } from "./evaluation_files.ts";
import { type Options, parseOptions } from "./options.ts";
import { writingTo } from "./write_out.ts";

const HELP = `Usage: evaluate RUN|MODEL [PATH] [options]

Tests a model on labelled images: accuracy, top-5, macro F1, calibration, figures
of each class and the confusion matrix.

  RUN|MODEL        a run folder (its shipped model), a checkpoint in it, or a
                   model.safetensors
  PATH             labelled images of any kind; default: the run's own data
  --kind KIND      fashion-mnist mnist cifar10 cifar100 idx folder csv
                   (default: guessed from the names in PATH)
  --split NAME     test | train; of a run's own data also validation | labelled |
                   unlabelled (default: test where there is one)
  --phase NAME     of a run: another phase's model
  --which NAME     of a run: best (on validation, default) | last; a phase that is
                   done keeps its best model alone
  --out DIR        writes evaluation.json, confusion.csv and predictions.csv
  --json           one JSON object on stdout

A folder holds <class>/ folders, or those below train/ and test/. Classes are
matched by name, where case, spaces and signs need not be equal, or by position
when all names differ, which is said. Images without a label are left out. Exit
code 1 when images could not be read.

Examples:
  deno task evaluate runs/2026-11-24-1412-default
  deno task evaluate model.safetensors photos/ --json`;

const OWN_SPLITS = ["test", "train", "validation", "labelled", "unlabelled"];

/** What was classified, and where it is from. */
interface Classified extends Outputs {
  about: Pick<EvaluationReport, "data" | "split" | "unlabelled" | "matched">;
}

/** Tests a model on labelled images; resolves with the exit code. */
export async function evaluate(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "evaluate",
    string: ["kind", "split", "phase", "which", "out"],
    boolean: ["json", "help"],
    positional: 2,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const [place, path] = options.positional;
  if (place === undefined) {
    throw new ConfigError("Cannot evaluate: no run or model is given", {
      hint: "deno task evaluate runs/NAME",
    });
  }
  const { disk } = realEnv;
  const stored = await loadModel(disk, place, {
    phase: options.string("phase"),
    which: whichOf(options.string("which")),
  });
  const kind = kindOf(options.string("kind"));
  if (path === undefined && kind === undefined && stored.run === undefined) {
    throw new ConfigError(
      `Cannot evaluate ${stored.name}: no labelled images are given`,
      { hint: `deno task evaluate ${place} PATH` },
    );
  }
  const own = path === undefined && kind === undefined;
  using device = await Device.open();
  using classifier = new Classifier(device, stored);
  const skipped: SkippedImage[] = [];
  const progress = (images: number) =>
    terminal.progress("evaluate", `evaluate  ${images} images`);
  const classified = own
    ? await classifyOwn(stored, { classifier, options, skipped, progress })
    : await classifyOther(stored, {
      classifier,
      kind,
      path,
      split: options.string("split"),
      skipped,
      progress,
    });
  for (const { path, reason } of skipped) {
    terminal.note(`skipped  ${path}: ${reason}`);
  }
  if (classified.names.length === 0) {
    throw new ConfigError(
      `Cannot evaluate on ${classified.about.data}: ${
        classified.about.unlabelled > 0 || skipped.length === 0
          ? `none of its ${classified.about.split} images has a label`
          : "no labelled image can be read"
      }`,
    );
  }
  const { classNames, temperature } = stored.info;
  const { values, labels } = classified;
  const result = evaluateLogits(values, labels, classNames.length);
  const after = temperature === undefined ? undefined : evaluateConfidences(
    calibrated(values, temperature),
    labels,
    classNames.length,
  );
  const report = {
    model: stored.name,
    ...classified.about,
    classNames,
    skipped,
    labels,
    result,
    ...(after === undefined ? {} : { calibrated: after, temperature }),
  };
  const out = options.string("out");
  if (out !== undefined) {
    await writingTo(
      out,
      () => writeEvaluation(disk, out, { report, names: classified.names }),
    );
  }
  const lines = options.boolean("json")
    ? [JSON.stringify(evaluationJson(report))]
    : describeEvaluation(report);
  for (const line of lines) terminal.result(line);
  return skipped.length === 0 ? 0 : 1;
}

function whichOf(text: string | undefined): "best" | "last" | undefined {
  if (text === undefined || text === "best" || text === "last") return text;
  throw new ConfigError(`Cannot use --which ${text}: best or last`);
}

interface Work {
  classifier: Classifier;
  skipped: SkippedImage[];
  progress: (images: number) => void;
}

/** A part of the data that the run itself was made from, split as it was. */
async function classifyOwn(
  { run, info }: StoredModel,
  { classifier, options, skipped, progress }: Work & { options: Options },
): Promise<Classified> {
  const { disk } = realEnv;
  const split = options.string("split") ?? "test";
  if (!OWN_SPLITS.includes(split)) {
    throw new ConfigError(
      `Cannot use --split ${split}: there is no such part`,
      {
        hint: `parts: ${OWN_SPLITS.join(" ")}`,
      },
    );
  }
  const folder = await RunFolder.open(disk, run!);
  const config = parseConfig(
    await folder.readJson("config.json"),
    `${run}/config.json`,
  );
  const { data: set, split: parts } = await loadSplitData(
    disk,
    { ...config.data, seed: config.seed },
    run!,
  );
  const part = split === "test" ? "test" : "train";
  for (const { path, reason, ...image } of set.skipped) {
    if (image.part === part) skipped.push({ path, reason });
  }
  const images = set[part];
  const all = split === "train"
    ? Int32Array.from({ length: images.count }, (_, i) => i)
    : parts[split as Exclude<keyof typeof parts, "seed">];
  if (all.length === 0) {
    throw new ConfigError(`Cannot evaluate ${run}: it has no ${split} images`);
  }
  const indices = all.filter((index) => images.labels[index]! >= 0);
  const outputs = await runAll(
    classifier,
    batchesOf(images, indices, classifier.rows),
    progress,
  );
  const { classes } = mapClasses(info.classNames, set.classNames);
  return {
    ...outputs,
    labels: outputs.labels.map((label) => classes[label]!),
    about: {
      data: set.name,
      split,
      unlabelled: all.length - indices.length,
      matched: { by: "name", names: set.classNames },
    },
  };
}

/** Any other labelled images. */
async function classifyOther(
  { info }: StoredModel,
  { classifier, kind, path, split, skipped, progress }: Work & {
    kind: ReturnType<typeof kindOf>;
    path: string | undefined;
    split: string | undefined;
  },
): Promise<Classified> {
  if (split !== undefined && split !== "test" && split !== "train") {
    throw new ConfigError(
      `Cannot use --split ${split}: of other data there are test and train`,
    );
  }
  const set = await openLabelled(realEnv.disk, { kind, path, split });
  const map = mapClasses(info.classNames, set.classNames);
  const outputs = await runAll(
    classifier,
    batchesFor(info, set.part, {
      rows: classifier.rows,
      skipped,
    }),
    progress,
  );
  return {
    ...outputs,
    labels: outputs.labels.map((label) => map.classes[label]!),
    about: {
      data: set.name,
      split: set.split,
      unlabelled: set.unlabelled,
      matched: { by: map.by, names: set.classNames },
    },
  };
}
