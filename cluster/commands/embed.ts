import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { float32Tensor, toCsv, writeSafetensors } from "../../src/run/mod.ts";
import { Console } from "../console.ts";
import { deliver, lookAtPictures } from "./look_at_pictures.ts";
import { parseOptions } from "./options.ts";
import { writeOut } from "./write_out.ts";

const HELP = `Usage: embed RUN|MODEL FILE|FOLDER… [options]

The features of pictures, as the model's head sees them: for search, clustering or
another classifier.

  RUN|MODEL      a run folder, a checkpoint in it, or a model.safetensors
  FILE|FOLDER    pictures; of folders all pictures, also in folders below
  --phase NAME   of a run: another phase's model, such as distill
  --out FILE     .csv: path and values a line; .safetensors: tensor features
                 [pictures, dim], the paths in the header (default: CSV on stdout)

Pictures that cannot be read are named and left out: exit code 1.

Example:
  deno task embed runs/2026-11-24-1412-default photos/ --out features.safetensors`;

/** Writes the features of pictures; resolves with the exit code. */
export async function embed(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "embed",
    string: ["phase", "out"],
    boolean: ["help"],
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const out = options.string("out");
  if (out !== undefined && !/\.(csv|safetensors)$/.test(out)) {
    throw new ConfigError(
      `Cannot write ${out}: the name must end in .csv or .safetensors`,
    );
  }
  const [model, ...paths] = options.positional;
  const { values, width, names, skipped } = await lookAtPictures(terminal, {
    verb: "embed",
    model,
    paths,
    out,
    output: "feature",
    phase: options.string("phase"),
  });
  if (out?.endsWith(".safetensors")) {
    const features = float32Tensor([names.length, width], values);
    const file = writeSafetensors(new Map([["features", features]]), {
      paths: JSON.stringify(names),
    });
    await writeOut(out, file);
    terminal.note(`written  ${out}: ${names.length} x ${width}`);
  } else {
    await deliver(
      terminal,
      toCsv([
        ["path", ...Array.from({ length: width }, (_, i) => `feature_${i}`)],
        ...names.map((name, row) => [
          name,
          ...values.subarray(row * width, (row + 1) * width),
        ]),
      ]),
      out,
    );
  }
  return skipped.length === 0 ? 0 : 1;
}
