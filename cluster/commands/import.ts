import {
  fromMetadata,
  inferModel,
  isDescribed,
  type ModelInfo,
  readTheirConfig,
  readTheirNormalisation,
  toMetadata,
} from "../../src/classifier/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import {
  fitWeights,
  initialValues,
  type NamedValues,
  vitSegments,
} from "../../src/model/mod.ts";
import {
  float32Tensor,
  readSafetensorsFile,
  toFloat32,
  writeSafetensors,
} from "../../src/run/mod.ts";
import { CONSTANTS, type Normalisation } from "../../src/training/mod.ts";
import { Console, table } from "../console.ts";
import { parseOptions } from "./options.ts";
import { writeOut } from "./write_out.ts";

const HELP = `Usage: import FILE [options]

Makes a model of Signet from a ViT or DeiT of timm or Hugging Face, ready for
evaluate, predict and export. Its size is read from the shapes; config.json and
preprocessor_config.json beside the file are taken where they are.

  FILE               safetensors with timm's or Hugging Face's names, or the folder
                     of a model.safetensors
  --out FILE         (default: imported.safetensors)
  --classes FILE     names of the classes, one a line
  --normalise NAME   imagenet | half | image (default: what those files say, else half)
  --heads N          attention heads (default: config.json, else width / 64)
  --json             the report as one JSON object on stdout

To train on such a file no import is needed: student.weights=FILE.

Example:
  deno task import deit/model.safetensors --out deit.safetensors`;

/** Takes a model of another program over; resolves with the exit code. */
export async function importModel(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "import",
    string: ["out", "classes", "normalise"],
    number: ["heads"],
    boolean: ["json", "help"],
    positional: 1,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const [place] = options.positional;
  if (place === undefined) {
    throw new ConfigError("Cannot import: no file is given", {
      hint: "deno task import model.safetensors",
    });
  }
  const { disk } = realEnv;
  const path = (await disk.stat(place))?.kind === "folder"
    ? `${place.replace(/(?<=.)\/+$/, "")}/model.safetensors`
    : place;
  const { tensors, metadata } = await readSafetensorsFile(disk, path);
  // What export wrote says more than the files beside it can.
  const own = isDescribed(metadata) ? fromMetadata(metadata, path) : undefined;
  const file: NamedValues = new Map(
    [...tensors].map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: toFloat32(tensor) },
    ]),
  );
  const folder = path.includes("/")
    ? path.slice(0, path.lastIndexOf("/"))
    : ".";
  const config = await readJson(`${folder}/config.json`);
  const theirs = own === undefined
    ? readTheirConfig(config)
    : { ...own.model, classNames: own.classNames };
  const heads = options.number("heads") ?? theirs.heads;
  const model = inferModel(file, { ...theirs, heads }, path);
  const segments = vitSegments(model);
  const { values, report } = fitWeights(file, {
    config: model,
    segments,
    initial: initialValues(segments, 0),
  });
  const listed = options.string("classes");
  const classNames = listed === undefined
    ? theirs.classNames
    : (await disk.readText(listed)).split(/\r?\n/).filter((line) =>
      line !== ""
    );
  if (classNames !== undefined && classNames.length !== model.classes) {
    throw new ConfigError(
      `Cannot import ${path}: ${classNames.length} names of classes, its head has ${model.classes}`,
    );
  }
  const asked = options.string("normalise");
  const normalisation = asked === undefined && own !== undefined
    ? own.normalisation
    : namedNormalisation(asked) ?? readTheirNormalisation(
      await readJson(`${folder}/preprocessor_config.json`),
      config,
    );
  const info: ModelInfo = {
    feature: "class",
    images: {
      channels: 3,
      width: model.image,
      height: model.image,
      padded: false,
    },
    phase: "imported",
    ...own,
    model,
    normalisation: normalisation ?? CONSTANTS.half,
    classNames: classNames ??
      Array.from({ length: model.classes }, (_, c) => `class ${c}`),
  };
  const out = options.string("out") ?? "imported.safetensors";
  await writeOut(
    out,
    writeSafetensors(
      new Map([...values].map(([name, { shape, data }]) => [
        name,
        float32Tensor(shape, data),
      ])),
      toMetadata(info),
    ),
  );
  const counts: Record<string, number> = {};
  for (const { action } of report) counts[action] = (counts[action] ?? 0) + 1;
  if (options.boolean("json")) {
    terminal.result(JSON.stringify({ schema: 1, out, info, tensors: report }));
    return 0;
  }
  const { image, patch, dim, depth, classes, distilled } = model;
  if (heads === undefined) {
    terminal.note(
      `note     ${model.heads} head${
        model.heads === 1 ? "" : "s"
      } assumed, since nothing says how many: --heads N`,
    );
  }
  if (normalisation === undefined) {
    terminal.note(
      "note     pictures normalised to -1..1, since nothing says how: --normalise NAME",
    );
  }
  terminal.result(
    `${
      distilled ? "DeiT" : "ViT"
    }: ${image} pixels, patch ${patch}, width ${dim}, ${depth} blocks, ${model.heads} heads, ${classes} classes`,
  );
  for (
    const line of table([
      ["tensors", "number"],
      ...Object.entries(counts).map(([action, count]) => [action, `${count}`]),
    ])
  ) terminal.result(line);
  for (const { name, action, detail } of report) {
    if (action === "loaded") continue;
    terminal.result(`${action}  ${name}${detail ? `: ${detail}` : ""}`);
  }
  terminal.result(`written  ${out}`);
  return 0;
}

/** A JSON object beside the file; an empty one when there is none. */
async function readJson(path: string): Promise<Record<string, unknown>> {
  if ((await realEnv.disk.stat(path))?.kind !== "file") return {};
  try {
    const value = JSON.parse(await realEnv.disk.readText(path));
    if (typeof value === "object" && value !== null) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ConfigError(`Cannot read ${path}: it is no JSON object`);
}

function namedNormalisation(
  name: string | undefined,
): Normalisation | undefined {
  if (name === undefined) return undefined;
  if (name === "image") return { kind: "image" };
  if (name === "imagenet" || name === "half") return CONSTANTS[name];
  throw new ConfigError(
    `Cannot use --normalise ${name}: imagenet, half or image`,
  );
}
