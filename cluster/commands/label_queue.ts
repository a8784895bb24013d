import {
  batchesOf,
  calibrated,
  Classifier,
  farApart,
  leastCertain,
  loadModel,
  runAll,
} from "../../src/classifier/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { loadSplitData } from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { softmaxRows } from "../../src/evaluation/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { renderLabelPage } from "../../src/report/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";
import { Console } from "../console.ts";
import { parseOptions } from "./options.ts";
import { writeOut } from "./write_out.ts";

const HELP = `Usage: label-queue RUN [options]

Writes a page to label by keyboard the unlabelled images that the run's model is
least sure of, no two of them alike. The page works without network or server and
gives labels.csv, which the next run takes: data.labels=labels.csv. What the run
was given by hand itself stands in that table too.

  RUN            a run folder
  --count N      images (default 100)
  --phase NAME   another phase's model than the shipped one
  --out FILE     (default: label_queue.html in the run folder)
  --json         the names as one JSON object on stdout

Example:
  deno task label-queue runs/2026-11-24-1412-default --count 50
  deno task train data.labels=labels.csv`;

const MOST = 2000;

/** Writes the page of the least certain images; resolves with the exit code. */
export async function labelQueue(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "label-queue",
    string: ["phase", "out"],
    number: ["count"],
    boolean: ["json", "help"],
    positional: 1,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const run = options.positional[0]?.replace(/(?<=.)\/+$/, "");
  if (run === undefined) {
    throw new ConfigError("Cannot choose images: no run folder is given", {
      hint: "deno task label-queue runs/NAME",
    });
  }
  const count = options.number("count") ?? 100;
  if (count < 1 || count > MOST) {
    throw new ConfigError(`Cannot use --count ${count}: 1 to ${MOST}`);
  }
  const { disk } = realEnv;
  const folder = await RunFolder.open(disk, run);
  const config = parseConfig(
    await folder.readJson("config.json"),
    `${run}/config.json`,
  );
  const stored = await loadModel(disk, run, { phase: options.string("phase") });
  const { data, split, byHand } = await loadSplitData(
    disk,
    { ...config.data, seed: config.seed },
    run,
  );
  if (split.unlabelled.length === 0) {
    throw new ConfigError(
      `Cannot choose images: ${run} has no unlabelled ones`,
    );
  }
  const { classNames, temperature, model } = stored.info;
  const chosen = await chooseImages();
  const html = renderLabelPage({
    title: config.name,
    classNames,
    given: [...byHand].map(([index, label]) => ({
      name: data.train.nameOf(index),
      label: classNames[label]!,
    })),
    images: chosen.map(({ index, probabilities }) => {
      const { channels, width, height, pixels } = data.train;
      const size = channels * width * height;
      return {
        name: data.train.nameOf(index),
        picture: {
          channels,
          width,
          height,
          pixels: pixels.subarray(index * size, (index + 1) * size),
        },
        probabilities,
      };
    }),
  });
  const out = options.string("out") ?? `${run}/label_queue.html`;
  await writeOut(out, html);
  const names = chosen.map(({ index }) => data.train.nameOf(index));
  terminal.result(
    options.boolean("json")
      ? JSON.stringify({ schema: 1, out, model: stored.name, names })
      : `${out}: ${names.length} of ${split.unlabelled.length} unlabelled images`,
  );
  return 0;

  /** Unsure first, then those far from each other in what the head sees. */
  async function chooseImages() {
    using device = await Device.open();
    const looked = async (
      output: "logits" | "feature",
      indices: Int32Array,
    ) => {
      using classifier = new Classifier(device, stored, {
        output,
        images: indices.length,
      });
      return (await runAll(
        classifier,
        batchesOf(data.train, indices, classifier.rows),
        (images) =>
          terminal.progress("label-queue", `label-queue  ${images} images`),
      )).values;
    };
    const logits = await looked("logits", split.unlabelled);
    const classes = classNames.length;
    const probabilities = softmaxRows(calibrated(logits, temperature), classes);
    const unsure = leastCertain(probabilities, classes, count);
    const features = await looked(
      "feature",
      Int32Array.from(unsure, (row) => split.unlabelled[row]!),
    );
    return farApart(features, model.dim, count).map((place) => {
      const row = unsure[place]!;
      return {
        index: split.unlabelled[row]!,
        probabilities: probabilities.subarray(
          row * classes,
          (row + 1) * classes,
        ),
      };
    });
  }
}
