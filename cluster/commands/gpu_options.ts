import { ConfigError } from "../../src/env/mod.ts";
import { ADAPTER_WISHES, type AdapterWish, type GpuBind } from "../gpus/mod.ts";
import type { GpuWish } from "../launch/mod.ts";
import type { Options } from "./options.ts";

/** Options of verbs that start ranks, by type. */
export const GPU_OPTIONS = {
  string: ["adapter", "gpu-bind"],
  boolean: ["allow-shared"],
} as const;

/** The same for ranks that srun and its like start with this environment. */
const VARIABLES = {
  adapter: "SIGNET_ADAPTER",
  bind: "SIGNET_GPU_BIND",
} as const;

/**
 * What the options say of the GPUs, or else the environment.
 *
 * @throws {ConfigError} If it is nothing that there is.
 */
export function gpuWishOf(options: Options): GpuWish {
  const bind = options.string("gpu-bind") ?? Deno.env.get(VARIABLES.bind);
  return {
    adapter: adapterWish(options),
    bind: bindOf(bind ?? "auto"),
    allowShared: options.boolean("allow-shared"),
  };
}

/** Hands the choice on to processes that are started with this environment. */
export function exportGpuWish({ adapter, bind }: GpuWish): void {
  Deno.env.set(VARIABLES.adapter, adapter);
  const text = typeof bind === "string" ? bind : bind.join(",");
  Deno.env.set(VARIABLES.bind, text);
}

/** `--adapter`, or else `SIGNET_ADAPTER`. */
function adapterWish(options: Options): AdapterWish {
  const text = options.string("adapter") ||
    Deno.env.get(VARIABLES.adapter) || "auto";
  const wish = ADAPTER_WISHES.find((known) => known === text);
  if (wish !== undefined) return wish;
  throw new ConfigError(`Cannot use --adapter ${text}: there is none of it`, {
    hint: `it is one of ${ADAPTER_WISHES.join(", ")}`,
  });
}

function bindOf(text: string): GpuBind {
  if (text === "auto" || text === "none") return text;
  const uuids = text.split(",").map((uuid) => uuid.trim());
  if (uuids.every((uuid) => /^(?:GPU-)?[0-9a-f][0-9a-f-]*$/i.test(uuid))) {
    return uuids;
  }
  throw new ConfigError(`Cannot use --gpu-bind ${text}`, {
    hint:
      "auto, none, or UUIDs as nvidia-smi -L and deno task devices list them",
  });
}
