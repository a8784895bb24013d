import {
  loadModel,
  type ModelInfo,
  type StoredModel,
  toMetadata,
  toTheirConfig,
  toTheirPreprocessor,
} from "../../src/classifier/mod.ts";
import { ConfigError, type Disk, realEnv } from "../../src/env/mod.ts";
import { type NamedValues, toHuggingFaceNames } from "../../src/model/mod.ts";
import { renderModelCard } from "../../src/report/mod.ts";
import {
  float32Tensor,
  RunFolder,
  writeSafetensors,
} from "../../src/run/mod.ts";
import { Console } from "../console.ts";
import { parseOptions } from "./options.ts";
import { writeOut } from "./write_out.ts";

const HELP = `Usage: export RUN|MODEL [options]

Writes a model for other programs, as safetensors.

  RUN|MODEL        a run folder (its shipped model), a checkpoint in it, or a
                   model.safetensors
  --format NAME    timm (default): one file with timm's names, which Signet reads too
                   hf: a folder with Hugging Face's names, config.json, a model card
                   (README.md; one that is there is kept) and, where its keys can say
                   it, preprocessor_config.json
  --out PATH       (default: exported.safetensors, or the folder exported)
  --without-head   only the backbone
  --phase NAME     of a run: another phase's model
  --json           what was written as one JSON object on stdout

timm and Hugging Face read the class token alone, by one linear layer: a head of
another kind (student.feature mean or both, student.head mlp) is refused, unless
--without-head leaves it out.

Example:
  deno task export runs/2026-11-24-1412-default --format hf --out model --without-head`;

/** Writes a model for other programs; resolves with the exit code. */
export async function exportModel(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "export",
    string: ["format", "out", "phase"],
    boolean: ["without-head", "json", "help"],
    positional: 1,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const [place] = options.positional;
  if (place === undefined) {
    throw new ConfigError("Cannot export: no run or model is given", {
      hint: "deno task export runs/NAME",
    });
  }
  const format = options.string("format") ?? "timm";
  if (format !== "timm" && format !== "hf") {
    throw new ConfigError(`Cannot use --format ${format}: timm or hf`);
  }
  const { disk } = realEnv;
  const stored = await loadModel(disk, place, {
    phase: options.string("phase"),
  });
  const { info } = stored;
  const headless = options.boolean("without-head");
  if (!headless) refuseForeignHead(stored.name, info);
  const kept: NamedValues = new Map(
    [...stored.values].filter(([name]) =>
      !headless || !name.startsWith("head")
    ),
  );
  const out = options.string("out") ??
    (format === "hf" ? "exported" : "exported.safetensors");
  const files: string[] = [];
  const notes: string[] = [];
  if (info.normalisation.kind === "image") {
    notes.push(
      "every image is to be normalised to mean 0 and deviation 1 by itself (data.normalise=image)",
    );
  }
  const { temperature = 1 } = info;
  if (temperature !== 1 && !headless) {
    notes.push(
      `calibrated confidences are those of the logits divided by ${
        temperature.toFixed(4)
      }`,
    );
  }
  const metadata = headless ? {} : toMetadata(info);
  if (format === "timm") {
    await writeOut(out, pack(kept, metadata));
    files.push(out);
  } else {
    const write = async (
      name: string,
      content: Uint8Array<ArrayBuffer> | string,
    ) => {
      await writeOut(`${out}/${name}`, content);
      files.push(`${out}/${name}`);
    };
    const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
    await write(
      "model.safetensors",
      pack(toHuggingFaceNames(kept), { format: "pt", ...metadata }),
    );
    await write("config.json", json(toTheirConfig(info, { headless })));
    const preprocessor = toTheirPreprocessor(info);
    if (preprocessor !== undefined) {
      await write("preprocessor_config.json", json(preprocessor));
    }
    if (await disk.stat(`${out}/README.md`) === undefined) {
      await write("README.md", await cardOf(disk, stored, headless));
    } else {
      notes.push(`${out}/README.md was there, and is kept as it is`);
    }
  }
  if (options.boolean("json")) {
    terminal.result(JSON.stringify({
      schema: 1,
      model: stored.name,
      format,
      tensors: kept.size,
      files,
      notes,
    }));
    return 0;
  }
  terminal.result(`${stored.name}: ${kept.size} tensors with ${format} names`);
  for (const file of files) terminal.result(`written  ${file}`);
  for (const note of notes) terminal.result(`note     ${note}`);
  return 0;
}

/** The model card, from the files of the run where there is one. */
async function cardOf(
  disk: Disk,
  { info, figures, run }: StoredModel,
  headless: boolean,
): Promise<string> {
  const files = run === undefined ? undefined : new RunFolder(disk, run);
  const read = async (name: string) => await files?.readJson(name) ?? {};
  return renderModelCard({
    info,
    headless,
    figures,
    run: files && {
      config: await read("config.json"),
      run: await read("run.json"),
      summary: await read("summary.json"),
      split: await read("split.json"),
    },
  });
}

/** A head that other programs would compute otherwise must not look like one of theirs. */
function refuseForeignHead(name: string, { feature, model }: ModelInfo): void {
  const reason = (model.hidden ?? []).length > 0
    ? "its head is an MLP"
    : feature !== "class"
    ? `its head sees ${
      feature === "mean"
        ? "the mean of the patch tokens"
        : "class token and patch tokens, half each"
    }`
    : undefined;
  if (reason === undefined) return;
  throw new ConfigError(
    `Cannot export ${name} whole: ${reason}, other programs use one linear layer on the class token`,
    {
      hint:
        "--without-head exports the backbone; train with student.feature=class student.head=linear for a whole model",
    },
  );
}

function pack(
  values: NamedValues,
  metadata: Record<string, string>,
): Uint8Array<ArrayBuffer> {
  return writeSafetensors(
    new Map(
      [...values].map(([name, { shape, data }]) => [
        name,
        float32Tensor(shape, data),
      ]),
    ),
    metadata,
  );
}
