import {
  contactSheet,
  makePreview,
  previewPage,
  type PreviewPhase,
} from "../../src/augment/mod.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { loadDataSet, splitDataSet } from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import { Console } from "../console.ts";
import { parseOptions } from "./options.ts";
import { writeOut } from "./write_out.ts";

const PHASES: readonly PreviewPhase[] = [
  "teacher",
  "distill",
  "classify",
  "selfTrain",
  "baseline",
];

/** Random views of each kind. */
const STEPS = 3;
const MOST_IMAGES = 64;

/** Writes a sheet of the views that a configuration gives; resolves with the exit code. */
export async function preview(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "data preview",
    string: ["out", "phase"],
    number: ["images"],
  });
  const { disk } = realEnv;
  const terminal = new Console(realEnv);
  const overrides = options.positional.filter((arg) => arg.includes("="));
  const [path = "configs/default.json", ...more] = options.positional
    .filter((arg) => !arg.includes("="));
  if (more.length > 0) {
    throw new ConfigError(
      `Cannot preview ${more[0]}: one configuration at a time`,
    );
  }
  const phase = phaseOf(options.string("phase") ?? "selfTrain");
  const out = options.string("out") ?? "preview.png";
  const html = out.endsWith(".html");
  if (!html && !out.endsWith(".png")) {
    throw new ConfigError(
      `Cannot write ${out}: the name must end in .png or .html`,
    );
  }
  const count = options.number("images") ?? 10;
  if (count < 1 || count > MOST_IMAGES) {
    throw new ConfigError(
      `Cannot preview ${count} images: 1 to ${MOST_IMAGES}`,
    );
  }
  const config = await loadConfig(disk, path, overrides);
  const { data } = config;
  const set = await loadDataSet(disk, {
    ...data,
    seed: config.seed,
    log: (message) => terminal.note(message),
  });
  const split = splitDataSet(set, { seed: config.seed, ...data });
  const pool = phase === "selfTrain" && split.unlabelled.length > 0
    ? split.unlabelled
    : split.labelled;
  using device = await Device.open();
  const made = await makePreview(device, {
    config,
    images: set.train,
    indices: [...pool.slice(0, count)],
    phase,
    steps: STEPS,
  });
  const title = `${config.name}: ${phase}, ${set.name}`;
  await writeOut(out, html ? previewPage(made, title) : contactSheet(made));
  terminal.result(
    `${out}: ${made.rows.map(({ name }) => name).join(", ")} of ${
      made.rows[0]!.images.length
    } images, ${made.side}x${made.side}`,
  );
  return 0;
}

function phaseOf(text: string): PreviewPhase {
  const phase = PHASES.find((name) => name === text);
  if (phase === undefined) {
    throw new ConfigError(`Cannot use --phase ${text}: no such phase`, {
      hint: `phases: ${PHASES.join(" ")}`,
    });
  }
  return phase;
}
