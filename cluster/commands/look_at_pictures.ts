import {
  batchesFor,
  Classifier,
  loadModel,
  type LoadModelOptions,
  type Outputs,
  runAll,
  type StoredModel,
} from "../../src/classifier/mod.ts";
import { picturesAt, type SkippedImage } from "../../src/data/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Device } from "../../src/gpu/mod.ts";
import type { Console } from "../console.ts";
import { printable } from "../printable.ts";
import { checkPlace, writeOut } from "./write_out.ts";

/** What a model made of the pictures that the command line names. */
export interface Seen extends Outputs {
  model: StoredModel;
  /** Pictures that could not be read. */
  skipped: readonly SkippedImage[];
}

/**
 * Loads a model and runs it on pictures; those that cannot be read are named on
 * the terminal and left out.
 *
 * @throws {ConfigError} If there is no model or no picture can be read.
 */
export async function lookAtPictures(
  terminal: Console,
  { verb, model: place, paths, out, output, ...options }: LoadModelOptions & {
    verb: string;
    model: string | undefined;
    paths: readonly string[];
    /** File that the result is for. */
    out: string | undefined;
    output: "logits" | "feature";
  },
): Promise<Seen> {
  if (place === undefined || paths.length === 0) {
    throw new ConfigError(
      `Cannot ${verb}: ${
        place === undefined ? "no model is given" : "no pictures are given"
      }`,
      { hint: `deno task ${verb} runs/NAME picture.png` },
    );
  }
  if (out !== undefined) await checkPlace(out);
  const { disk } = realEnv;
  const part = await picturesAt(disk, paths);
  const model = await loadModel(disk, place, options);
  using device = await Device.open();
  using classifier = new Classifier(device, model, {
    output,
    images: part.labels.length,
  });
  const skipped: SkippedImage[] = [];
  const outputs = await runAll(
    classifier,
    batchesFor(model.info, part, {
      rows: classifier.rows,
      skipped,
    }),
    (images) => terminal.progress(verb, `${verb}  ${images} pictures`),
  );
  for (const { path, reason } of skipped) {
    terminal.urgent(`skipped  ${printable(path)}: ${reason}`);
  }
  if (outputs.names.length === 0) {
    throw new ConfigError(
      `Cannot ${verb}: none of ${part.labels.length} pictures can be read`,
    );
  }
  return { ...outputs, model, skipped };
}

/** Writes a result into a file, or on the terminal. */
export async function deliver(
  terminal: Console,
  text: string,
  out: string | undefined,
): Promise<void> {
  if (out === undefined) {
    terminal.result(text.replace(/\n$/, ""));
    return;
  }
  await writeOut(out, text.endsWith("\n") ? text : `${text}\n`);
  terminal.note(`written  ${out}`);
}
