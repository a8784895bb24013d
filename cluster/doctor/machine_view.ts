import type { Env } from "../../src/env/mod.ts";
import type { AdapterWish, Lookup } from "../gpus/mod.ts";

/** The machine that is looked at; tests lay another one in a folder. */
export interface MachineView {
  env: Env;
  /** Before `/proc`, `/dev`, `/usr` and so on; empty for the real machine. */
  root: string;
  host: string;
  /** Variables of the environment. */
  lookup: Lookup;
  wish: AdapterWish;
}

/** The machine of this process. */
export function ownMachine(env: Env, wish: AdapterWish): MachineView {
  return {
    env,
    root: "",
    host: Deno.hostname(),
    lookup: (name) => Deno.env.get(name),
    wish,
  };
}
