import { ConfigError, type Disk, SignetError } from "../env/mod.ts";
import type { NamedValues } from "../model/mod.ts";
import { readSafetensorsFile } from "../run/mod.ts";
import { fromTensorMap } from "./stored_values.ts";

/** The tensors of the file that `<role>.weights` names. */
export async function readWeights(
  disk: Disk,
  role: string,
  path: string,
): Promise<NamedValues> {
  const file = await readSafetensorsFile(disk, path).catch((error) => {
    if (error instanceof SignetError) throw error;
    throw new ConfigError(
      `Cannot load ${role}.weights ${path}: ${
        error instanceof Error ? error.message : error
      }`,
      { cause: error },
    );
  });
  return fromTensorMap(file.tensors);
}
