import { type Disk, SignetError } from "../env/mod.ts";
import { type StoredTensor, type TensorMap, toFloat32 } from "./dtype.ts";
import {
  bestPointer,
  checkpointsFolder,
  listCheckpoints,
  readPointer,
} from "./checkpoint_list.ts";
import {
  CheckpointDamagedError,
  type Manifest,
  readManifest,
  readPart,
  sha256,
} from "./manifest.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";

/** The part with the weights that the phase trains, or in the end has chosen. */
const MODEL_PART = "model";

/** A checkpoint of another run, model or configuration. */
export class CheckpointMismatchError extends SignetError {
  override name = "CheckpointMismatchError";
}

export interface SaveOptions {
  phase: string;
  /** Optimizer steps done in the phase. */
  step: number;
  /** `model`, `optimizer`, `ema`, …: one safetensors file each. */
  parts: Readonly<Record<string, TensorMap>>;
  /** Everything else that resume needs, as JSON. */
  state: unknown;
  /** Also becomes the phase's best one. */
  best?: boolean;
  /** Checkpoints of the phase that stay, besides the best. */
  keep: number;
  /** Identifies model and configuration; loading can insist on it. */
  fingerprint?: string;
  /** Text in the header of `model.safetensors`. */
  metadata?: Readonly<Record<string, string>>;
}

/**
 * Saves `checkpoints/<phase>-<step>` and returns that name.
 *
 * All files are written into a folder of another name, the manifest with their
 * sizes and hashes last; then one rename makes the checkpoint exist. Older ones
 * are removed only after that, so at every moment one can be loaded.
 *
 * @throws {SignetError} If a model weight is not a finite number.
 */
export async function saveCheckpoint(
  disk: Disk,
  runFolder: string,
  options: SaveOptions,
): Promise<string> {
  const { phase, step, parts, state } = options;
  const name = `${phase}-${step}`;
  const folder = checkpointsFolder(runFolder);
  for (const [part, tensors] of Object.entries(parts)) {
    checkFinite(tensors, `${name}/${part}`);
  }
  const writing = `${folder}/${name}.tmp`;
  await disk.remove(writing);
  await disk.makeFolder(writing);
  try {
    const manifest: Manifest = {
      format: "signet-checkpoint",
      version: 1,
      phase,
      step,
      ...(options.fingerprint !== undefined
        ? { fingerprint: options.fingerprint }
        : {}),
      parts: [],
    };
    const write = async (file: string, bytes: Uint8Array<ArrayBuffer>) => {
      await disk.write(`${writing}/${file}`, bytes);
      manifest.parts.push({
        file,
        bytes: bytes.length,
        sha256: await sha256(bytes),
      });
    };
    for (const [part, tensors] of Object.entries(parts)) {
      await write(
        `${part}.safetensors`,
        writeSafetensors(
          tensors,
          part === MODEL_PART ? options.metadata : undefined,
        ),
      );
    }
    await write(
      "state.json",
      new TextEncoder().encode(`${JSON.stringify(state ?? null)}\n`),
    );
    await disk.write(
      `${writing}/manifest.json`,
      `${JSON.stringify(manifest, null, 2)}\n`,
    );
    await replaceFolder(disk, writing, `${folder}/${name}`);
  } catch (error) {
    await disk.remove(writing);
    throw error;
  }
  await disk.write(`${folder}/last`, `${name}\n`);
  if (options.best) {
    await disk.write(`${folder}/${bestPointer(phase)}`, `${name}\n`);
    await disk.write(`${folder}/best`, `${name}\n`);
  }
  await rotate(disk, runFolder, phase, options.keep);
  return name;
}

/** Which checkpoint to load: one by name, or a phase's newest or best. */
export type CheckpointChoice =
  | { name: string; fingerprint?: string }
  | { phase: string; best?: boolean; fingerprint?: string };

export interface Checkpoint {
  name: string;
  phase: string;
  step: number;
  parts: Record<string, TensorMap>;
  state: unknown;
  /** Text in the header of the model's file. */
  metadata: Record<string, string>;
  /** Newer checkpoints that were damaged, with the file and what is wrong. */
  skipped: string[];
}

/**
 * Loads a checkpoint after comparing every file with the manifest. When a
 * phase's newest (or best) is damaged the one before it is taken.
 *
 * @returns `undefined` if there is none.
 * @throws {CheckpointMismatchError} If the fingerprint differs.
 * @throws {SignetError} If all of them are damaged.
 */
export async function loadCheckpoint(
  disk: Disk,
  runFolder: string,
  choice: CheckpointChoice,
): Promise<Checkpoint | undefined> {
  const names = await candidates(disk, runFolder, choice);
  const skipped: string[] = [];
  for (const name of names) {
    const path = `${checkpointsFolder(runFolder)}/${name}`;
    try {
      const manifest = await readManifest(disk, path);
      const { fingerprint } = choice;
      if (fingerprint !== undefined && manifest.fingerprint !== fingerprint) {
        throw new CheckpointMismatchError(
          `Cannot use checkpoint ${path}: it was saved by another configuration`,
          { hint: "resume with the configuration stored in the run folder" },
        );
      }
      const { phase, step } = manifest;
      const content = await readParts(disk, path, manifest);
      return { name, phase, step, ...content, skipped };
    } catch (error) {
      if (!(error instanceof CheckpointDamagedError)) throw error;
      skipped.push(error.message);
    }
  }
  if (skipped.length === 0) return undefined;
  throw new SignetError(
    `Cannot load a checkpoint: ${skipped.join("; ")}`,
    { hint: "start the run again in a new folder" },
  );
}

async function candidates(
  disk: Disk,
  runFolder: string,
  choice: CheckpointChoice,
): Promise<string[]> {
  const all = await listCheckpoints(disk, runFolder);
  if ("name" in choice) {
    return all.filter(({ name }) => name === choice.name)
      .map(({ name }) => name);
  }
  const names = all.filter(({ phase }) => phase === choice.phase)
    .map(({ name }) => name).reverse();
  if (!choice.best) return names;
  const best = await readPointer(disk, runFolder, bestPointer(choice.phase));
  if (best === undefined || !names.includes(best)) return names;
  return [best, ...names.filter((name) => name !== best)];
}

async function readParts(
  disk: Disk,
  path: string,
  manifest: Manifest,
): Promise<Pick<Checkpoint, "parts" | "state" | "metadata">> {
  const parts: Record<string, TensorMap> = {};
  let metadata: Record<string, string> = {};
  let state: unknown;
  for (const part of manifest.parts) {
    const bytes = await readPart(disk, path, part);
    if (part.file === "state.json") {
      state = JSON.parse(new TextDecoder().decode(bytes));
    } else {
      const name = part.file.slice(0, part.file.lastIndexOf("."));
      const file = readSafetensors(bytes, `${path}/${part.file}`);
      parts[name] = file.tensors;
      if (name === MODEL_PART) metadata = file.metadata;
    }
  }
  return { parts, state, metadata };
}

/** Puts `from` in the place of `to`; in between, `to` exists as `to.old`. */
async function replaceFolder(
  disk: Disk,
  from: string,
  to: string,
): Promise<void> {
  if (await disk.stat(to)) {
    await disk.remove(`${to}.old`);
    await disk.rename(to, `${to}.old`);
  }
  await disk.rename(from, to);
  await disk.remove(`${to}.old`);
}

/** Removes all but the newest `keep` of a phase and its best, and what crashes left. */
async function rotate(
  disk: Disk,
  runFolder: string,
  phase: string,
  keep: number,
): Promise<void> {
  const folder = checkpointsFolder(runFolder);
  for (const { name } of await disk.list(folder)) {
    // Another phase may be writing one of its own.
    const own = name.startsWith(`${phase}-`) && name.endsWith(".tmp");
    if (own) await disk.remove(`${folder}/${name}`);
  }
  const best = await readPointer(disk, runFolder, bestPointer(phase));
  const names = (await listCheckpoints(disk, runFolder))
    .filter((entry) => entry.phase === phase).map(({ name }) => name);
  for (const name of names.slice(0, -keep)) {
    if (name !== best) await disk.remove(`${folder}/${name}`);
  }
}

function checkFinite(tensors: TensorMap, place: string): void {
  for (const [name, tensor] of tensors) {
    if (tensor.dtype !== "F32") continue;
    const bad = firstNotFinite(tensor);
    if (bad >= 0) {
      throw new SignetError(
        `Cannot save checkpoint ${place}: ${name}[${bad}] is not a finite number`,
      );
    }
  }
}

/** Of an F32 tensor, without a copy where it can be; -1 when all are finite. */
function firstNotFinite(tensor: StoredTensor): number {
  const { buffer, byteOffset, byteLength } = tensor.data;
  const values = byteOffset % 4 === 0
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : toFloat32(tensor);
  // A callback for each value takes ten times as long.
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) return i;
  }
  return -1;
}
