import { ConfigError, type Disk, SignetError } from "../env/mod.ts";
import { type NamedValues, toTimmNames, vitSegments } from "../model/mod.ts";
import {
  type Checkpoint,
  listCheckpoints,
  loadCheckpoint,
  readSafetensorsFile,
  RunFolder,
  type TensorMap,
  toFloat32,
} from "../run/mod.ts";
import { fromMetadata, type ModelInfo } from "./model_info.ts";

/** A model read from disk. */
export interface StoredModel {
  readonly info: ModelInfo;
  readonly values: NamedValues;
  /** What it is, for people: the run and checkpoint, or the file. */
  readonly name: string;
  /** The run folder it is from. */
  readonly run?: string;
  /** Figures of these weights, where a finished phase has left them. */
  readonly figures?: Readonly<Record<string, unknown>>;
}

export interface LoadModelOptions {
  /** Of a run: whose model; absent = the shipped one. */
  phase?: string | undefined;
  /** Of a run: the best model on validation, or the newest. */
  which?: "best" | "last" | undefined;
}

/**
 * Loads a model from a run folder, one of its checkpoints, a model file, or a folder
 * with one as `export --format hf` writes it.
 *
 * @throws {ConfigError} If there is no such model.
 */
export async function loadModel(
  disk: Disk,
  path: string,
  options: LoadModelOptions = {},
): Promise<StoredModel> {
  const place = path.replace(/(?<=.)\/+$/, "");
  const info = await disk.stat(place);
  const isCheckpoint = await disk.stat(`${place}/manifest.json`) !== undefined;
  // A folder of Hugging Face's has a config.json too, as a run.
  const inside = `${place}/model.safetensors`;
  const file = info?.kind === "file"
    ? place
    : !isCheckpoint && (await disk.stat(inside))?.kind === "file"
    ? inside
    : undefined;
  if (file !== undefined || isCheckpoint) refuseChoice(path, options);
  if (file !== undefined) return await fromFile(disk, file);
  if (isCheckpoint) {
    const [run, name] = splitCheckpoint(place);
    return fromCheckpoint(
      await requireCheckpoint(disk, run, { name }),
      run,
      "best",
    );
  }
  if (info === undefined) {
    throw new ConfigError(`Cannot load a model from ${path}: nothing is there`);
  }
  const run = await RunFolder.open(disk, place);
  const phase = options.phase ?? await shippedPhase(disk, run);
  const which = options.which ?? "best";
  const checkpoint = await requireCheckpoint(disk, place, {
    phase,
    best: which === "best",
  });
  return fromCheckpoint(checkpoint, place, which);
}

/** A file or a checkpoint is one model: nothing of it can be chosen. */
function refuseChoice(path: string, { phase, which }: LoadModelOptions): void {
  if (phase === undefined && which === undefined) return;
  throw new ConfigError(
    `Cannot use --${
      phase === undefined ? "which" : "phase"
    } with ${path}: it is one model`,
    { hint: "give the run folder to choose among its models" },
  );
}

async function fromFile(disk: Disk, path: string): Promise<StoredModel> {
  const { tensors, metadata } = await readSafetensorsFile(disk, path);
  const info = fromMetadata(metadata, path);
  return { info, values: valuesOf(tensors, info, path), name: path };
}

/** `run/checkpoints/name` as `[run, name]`. */
function splitCheckpoint(path: string): [string, string] {
  const parts = path.split("/");
  const name = parts.pop()!;
  if (parts.at(-1) !== "checkpoints") {
    throw new ConfigError(
      `Cannot load ${path}: a checkpoint lies in checkpoints/ of a run`,
      { hint: "give its model.safetensors" },
    );
  }
  parts.pop();
  return [parts.join("/") || ".", name];
}

async function requireCheckpoint(
  disk: Disk,
  run: string,
  choice: { name: string } | { phase: string; best: boolean },
): Promise<Checkpoint> {
  const found = await loadCheckpoint(disk, run, choice);
  if (found !== undefined) return found;
  const names = (await listCheckpoints(disk, run)).map(({ name }) => name);
  throw new ConfigError(
    `Cannot load a model: ${run} has no checkpoint ${
      "name" in choice ? choice.name : `of phase ${choice.phase}`
    }`,
    {
      hint: names.length === 0
        ? "the run has not saved any yet"
        : `it has ${names.join(", ")}`,
    },
  );
}

function fromCheckpoint(
  checkpoint: Checkpoint,
  run: string,
  which: "best" | "last",
): StoredModel {
  const { name, parts } = checkpoint;
  const label = `${run} ${name}`;
  const info = fromMetadata(checkpoint.metadata, label);
  // A finished phase keeps the chosen model alone; before, what is evaluated is
  // the best so far, the moving average, or the model in training.
  const tensors = (which === "best" ? parts.best : undefined) ?? parts.ema ??
    parts.model;
  const { summary } = Object(checkpoint.state);
  return {
    info,
    values: valuesOf(tensors, info, label),
    name: label,
    run,
    ...(summary === undefined ? {} : { figures: Object(summary) }),
  };
}

/** The phase whose model the run ships; of an unfinished run the last that classifies. */
async function shippedPhase(disk: Disk, run: RunFolder): Promise<string> {
  const { shipped } = await run.readJson("summary.json") ?? {};
  const phase = Object(shipped).phase;
  if (typeof phase === "string") return phase;
  const saved = new Set(
    (await listCheckpoints(disk, run.path)).map(({ phase }) => phase),
  );
  for (const name of ["selfTrain", "classify", "baseline", "teacher"]) {
    if (saved.has(name)) return name;
  }
  throw new ConfigError(
    `Cannot load a model: ${run.path} has no checkpoint that classifies`,
    {
      hint: saved.size === 0
        ? "the run has not saved any yet"
        : `--phase chooses one of ${[...saved].join(", ")}`,
    },
  );
}

/** The parameters of the model, of the shapes that its description says, by whichever names. */
function valuesOf(
  tensors: TensorMap | undefined,
  { model }: ModelInfo,
  name: string,
): NamedValues {
  const values: NamedValues = new Map();
  const timm = toTimmNames(
    new Map(
      [...tensors ?? []].map((
        [key, tensor],
      ) => [key, { shape: tensor.shape, data: toFloat32(tensor) }]),
    ),
  );
  for (const { parameters } of vitSegments(model)) {
    for (const { name: parameter, shape } of parameters) {
      const found = timm.get(parameter);
      if (found === undefined || String(found.shape) !== String(shape)) {
        throw new SignetError(
          `Cannot load ${name}: ${parameter} is ${
            found ? `[${found.shape}]` : "missing"
          }, its description says [${shape}]`,
          { exitCode: 2 },
        );
      }
      values.set(parameter, { shape, data: found.data });
    }
  }
  return values;
}
