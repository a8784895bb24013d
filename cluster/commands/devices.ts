import { realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import { byPreference, listVulkan, VulkanError } from "../gpus/mod.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: devices [--json]

The Vulkan devices that a process in this environment sees; the first one is what
a rank computes on.

  --json   in the loader's own order, with everything that is known of them`;

/** Lists the Vulkan devices. */
export function devices(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "devices",
    boolean: ["json", "help"],
    positional: 0,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return Promise.resolve(0);
  }
  if (options.boolean("json")) {
    return Promise.resolve(printJson(terminal));
  }
  for (const { uuid, kind, name } of byPreference(listVulkan().devices)) {
    terminal.result(`${uuid}  ${kind.padEnd(10)}  ${name}`);
  }
  return Promise.resolve(0);
}

function printJson(terminal: Console): number {
  try {
    terminal.result(JSON.stringify(listVulkan()));
    return 0;
  } catch (error) {
    if (!(error instanceof VulkanError)) throw error;
    const { message, hint, result, exitCode } = error;
    terminal.result(JSON.stringify({ problem: { message, hint, result } }));
    return exitCode;
  }
}
