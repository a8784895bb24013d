import { type Disk, SignetError } from "../env/mod.ts";

/** A file of a checkpoint is missing, cut or changed. */
export class CheckpointDamagedError extends SignetError {
  override name = "CheckpointDamagedError";
}

export interface ManifestPart {
  file: string;
  bytes: number;
  sha256: string;
}

/** `manifest.json`, written last: a folder without it is no checkpoint. */
export interface Manifest {
  format: "signet-checkpoint";
  version: 1;
  phase: string;
  step: number;
  fingerprint?: string;
  parts: ManifestPart[];
}

const MAX_BYTES = 1 << 20;
const FILE = /^[a-z][a-z0-9_]*\.(safetensors|json)$/;

/** SHA-256 as lower-case hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Reads and checks `manifest.json` of the checkpoint folder `path`. */
export async function readManifest(
  disk: Disk,
  path: string,
): Promise<Manifest> {
  const file = `${path}/manifest.json`;
  const info = await disk.stat(file);
  if (info?.kind !== "file") throw damaged(file, "it is missing");
  if (info.size > MAX_BYTES) throw damaged(file, `${info.size} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(await disk.readText(file));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw damaged(file, "it is not JSON");
  }
  if (!isManifest(value)) throw damaged(file, "it is no manifest of version 1");
  const name = `${value.phase}-${value.step}`;
  if (!path.endsWith(`/${name}`) && !path.endsWith(`/${name}.old`)) {
    throw damaged(file, `it describes ${name}`);
  }
  return value;
}

/** Reads one file and compares size and hash with the manifest. */
export async function readPart(
  disk: Disk,
  path: string,
  part: ManifestPart,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = `${path}/${part.file}`;
  const info = await disk.stat(file);
  if (info?.kind !== "file") throw damaged(file, "it is missing");
  if (info.size !== part.bytes) {
    throw damaged(file, `${info.size} bytes, expected ${part.bytes}`);
  }
  const bytes = await disk.read(file);
  if (await sha256(bytes) !== part.sha256) {
    throw damaged(file, "its content changed (SHA-256 differs)");
  }
  return bytes;
}

function damaged(file: string, reason: string): CheckpointDamagedError {
  return new CheckpointDamagedError(`${file} is damaged: ${reason}`);
}

function isManifest(value: unknown): value is Manifest {
  if (typeof value !== "object" || value === null) return false;
  const manifest = value as Partial<Manifest>;
  return manifest.format === "signet-checkpoint" && manifest.version === 1 &&
    typeof manifest.phase === "string" &&
    Number.isSafeInteger(manifest.step) && Array.isArray(manifest.parts) &&
    manifest.parts.length > 0 && manifest.parts.every(isPart);
}

function isPart(value: unknown): value is ManifestPart {
  if (typeof value !== "object" || value === null) return false;
  const part = value as Partial<ManifestPart>;
  return typeof part.file === "string" && FILE.test(part.file) &&
    Number.isSafeInteger(part.bytes) && typeof part.sha256 === "string";
}
