import { DATA_KINDS, type DataKind } from "../../src/data/mod.ts";
import { ConfigError } from "../../src/env/mod.ts";

/** The kind of data that `--kind` names. */
export function kindOf(text: string | undefined): DataKind | undefined {
  const kind = DATA_KINDS.find((name) => name === text);
  if (text !== undefined && kind === undefined) {
    throw new ConfigError(`Cannot use --kind ${text}: there is no such kind`, {
      hint: `kinds: ${DATA_KINDS.join(" ")}`,
    });
  }
  return kind;
}
