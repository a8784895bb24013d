import { calibrated } from "../../src/classifier/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { percent, softmaxRows } from "../../src/evaluation/mod.ts";
import { toCsv } from "../../src/run/mod.ts";
import { Console, table } from "../console.ts";
import { deliver, lookAtPictures, type Seen } from "./look_at_pictures.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: predict RUN|MODEL FILE|FOLDER… [options]

Says what is on pictures: the likeliest classes with their confidences.

  RUN|MODEL      a run folder (its shipped model), a checkpoint in it, or a
                 model.safetensors
  FILE|FOLDER    pictures (PNG, JPEG); of folders all pictures, also in folders
                 below
  --top K        classes a picture (default 5)
  --phase NAME   of a run: another phase's model
  --csv          path,rank,label,confidence lines
  --json         one JSON object
  --out FILE     writes the result into a file (.csv or .json chooses the form)

Pictures are prepared as in training, and confidences calibrated where the model
has a temperature. Those that cannot be read are named and left out: exit code 1.

Examples:
  deno task predict runs/2026-11-24-1412-default photo.jpg
  deno task predict model.safetensors photos/ --top 1 --out labels.csv`;

/** Says what is on pictures; resolves with the exit code. */
export async function predict(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "predict",
    string: ["phase", "out"],
    number: ["top"],
    boolean: ["csv", "json", "help"],
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const top = options.number("top") ?? 5;
  if (top < 1) throw new ConfigError("Cannot use --top 0: at least 1 class");
  if (options.boolean("csv") && options.boolean("json")) {
    throw new ConfigError("Cannot use --csv with --json: choose one");
  }
  const out = options.string("out");
  const [model, ...paths] = options.positional;
  const seen = await lookAtPictures(terminal, {
    verb: "predict",
    model,
    paths,
    out,
    output: "logits",
    phase: options.string("phase"),
  });
  const pictures = predictions(seen, top);
  const json = options.boolean("json") || out?.endsWith(".json");
  const csv = options.boolean("csv") || out?.endsWith(".csv");
  const text = json
    ? JSON.stringify({
      schema: 1,
      model: seen.model.name,
      temperature: seen.model.info.temperature ?? null,
      pictures,
      skipped: seen.skipped,
    })
    : csv
    ? asCsv(pictures)
    : asTable(pictures);
  await deliver(terminal, text, out);
  return seen.skipped.length === 0 ? 0 : 1;
}

/** The likeliest classes of a picture, best first. */
export interface Prediction {
  path: string;
  top: { label: string; confidence: number }[];
}

function predictions(
  { values, width, names, model }: Seen,
  top: number,
): Prediction[] {
  const { classNames, temperature } = model.info;
  const probabilities = softmaxRows(calibrated(values, temperature), width);
  return names.map((path, row) => {
    const own = probabilities.subarray(row * width, (row + 1) * width);
    const order = [...own.keys()].sort((a, b) => own[b]! - own[a]!);
    return {
      path,
      top: order.slice(0, top).map((c) => ({
        label: classNames[c]!,
        confidence: own[c]!,
      })),
    };
  });
}

function asTable(pictures: readonly Prediction[]): string {
  return table(pictures.map(({ path, top }) => [
    path,
    ...top.flatMap(({ label, confidence }) => [label, percent(confidence)]),
  ])).join("\n");
}

function asCsv(pictures: readonly Prediction[]): string {
  return toCsv([
    ["path", "rank", "label", "confidence"],
    ...pictures.flatMap(({ path, top }) =>
      top.map(({ label, confidence }, i) => [
        path,
        i + 1,
        label,
        confidence.toFixed(6),
      ])
    ),
  ]);
}
