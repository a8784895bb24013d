import { calibrated } from "../../src/classifier/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { softmaxRows } from "../../src/evaluation/mod.ts";
import { toCsv } from "../../src/run/mod.ts";
import { Console, table } from "../console.ts";
import { deliver, lookAtPictures } from "./look_at_pictures.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: pseudo-label RUN|MODEL DIR… [options]

Labels the pictures that the model is sure of. The table is one that data.labels
of the next run takes; pictures below the threshold stand in it without a label.

  RUN|MODEL          a run folder, a checkpoint in it, or a model.safetensors
  DIR…               pictures, also in folders below
  --threshold P      least confidence of a label (default 0.9)
  --phase NAME       of a run: another phase's model
  --out FILE         (default pseudo_labels.csv)
  --json             the counts as one JSON object on stdout

Pictures that cannot be read are named and left out: exit code 1.

Example:
  deno task pseudo-label runs/2026-11-24-1412-default photos/ --threshold 0.95`;

/** Labels pictures where the model is sure; resolves with the exit code. */
export async function pseudoLabel(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "pseudo-label",
    string: ["threshold", "phase", "out"],
    boolean: ["json", "help"],
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const text = options.string("threshold") ?? "0.9";
  const threshold = Number(text);
  if (!(threshold >= 0 && threshold <= 1)) {
    throw new ConfigError(
      `Cannot use --threshold ${text}: it needs a number from 0 to 1`,
    );
  }
  const out = options.string("out") ?? "pseudo_labels.csv";
  const [place, ...paths] = options.positional;
  const { values, width, names, model, skipped } = await lookAtPictures(
    terminal,
    {
      verb: "pseudo-label",
      model: place,
      paths,
      out,
      output: "logits",
      phase: options.string("phase"),
    },
  );
  const { classNames, temperature } = model.info;
  const probabilities = softmaxRows(calibrated(values, temperature), width);
  const counts = classNames.map(() => 0);
  const rows = names.map((name, row) => {
    const own = probabilities.subarray(row * width, (row + 1) * width);
    const best = own.indexOf(Math.max(...own));
    const sure = own[best]! >= threshold;
    if (sure) counts[best]!++;
    return [name, sure ? classNames[best]! : "", own[best]!.toFixed(6)];
  });
  await deliver(
    terminal,
    toCsv([["path", "label", "confidence"], ...rows]),
    out,
  );
  const labelled = counts.reduce((a, b) => a + b, 0);
  const classes = Object.fromEntries(
    classNames.map((name, c) => [name, counts[c]!]),
  );
  if (options.boolean("json")) {
    terminal.result(JSON.stringify({
      schema: 1,
      out,
      threshold,
      pictures: names.length,
      labelled,
      classes,
      skipped,
    }));
  } else {
    terminal.result(
      `${labelled} of ${names.length} pictures labelled with at least ${threshold} confidence`,
    );
    const lines = table([
      ["class", "pictures"],
      ...Object.entries(classes).map(([name, count]) => [name, `${count}`]),
    ]);
    for (const line of lines) terminal.result(line);
  }
  return skipped.length === 0 ? 0 : 1;
}
