import { ConfigError, type Disk, SignetError } from "../env/mod.ts";
import type { NamedShapes, NamedValues } from "../model/mod.ts";
import {
  isReadable,
  readSafetensorsFile,
  readSafetensorsShapes,
} from "../run/mod.ts";
import { fromTensorMap } from "./stored_values.ts";

/** The tensors of the file that `<role>.weights` names. */
export async function readWeights(
  disk: Disk,
  role: string,
  path: string,
): Promise<NamedValues> {
  const { tensors } = await readSafetensorsFile(disk, path)
    .catch((error) => refuse(error, role, path));
  return fromTensorMap(tensors);
}

/** Their shapes alone: a file may have gigabytes. */
export async function readWeightShapes(
  disk: Disk,
  role: string,
  path: string,
): Promise<NamedShapes> {
  const shapes = await readSafetensorsShapes(disk, path)
    .catch((error) => refuse(error, role, path));
  for (const [name, { dtype }] of shapes) {
    if (isReadable(dtype)) continue;
    throw new ConfigError(
      `Cannot load ${role}.weights ${path}: ${name} is ${dtype}`,
      { hint: "convert the file to F32, F16 or BF16" },
    );
  }
  return shapes;
}

function refuse(error: unknown, role: string, path: string): never {
  if (error instanceof SignetError) throw error;
  throw new ConfigError(
    `Cannot load ${role}.weights ${path}: ${
      error instanceof Error ? error.message : error
    }`,
    { cause: error },
  );
}
