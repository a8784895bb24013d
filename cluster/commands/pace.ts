import { ConfigError } from "../../src/env/mod.ts";
import type { Options } from "./options.ts";

/** Images per second of all ranks that `--images-per-second` tells to expect. */
export function paceGiven(options: Options): number | undefined {
  const text = options.string("images-per-second");
  if (text === undefined) return undefined;
  const pace = Number(text);
  if (pace > 0 && pace < Infinity) return pace;
  throw new ConfigError(
    `Cannot use --images-per-second ${text}: it is no pace`,
    {
      hint:
        "give that of an earlier run: img/s on its console, images_per_second in summary.json",
    },
  );
}
