import { realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import {
  type Check,
  checkCache,
  checkDisk,
  checked,
  checkGpu,
  checkNats,
  checkPermissions,
  checkRuntime,
  checkVulkan,
  explain,
  ownMachine,
} from "../doctor/mod.ts";
import type { AdapterWish } from "../gpus/mod.ts";
import { adapterWish } from "./gpu_options.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: doctor [options]
       doctor --explain CODE

Looks at everything that a run needs, from the kernel's driver to the numbers that
kernels compute, and says how to mend what is wrong. Exit code 3 when no run can
work here.

  --adapter gpu    a GPU must be there; cpu: one that is there is not wanted
  --explain CODE   what a code such as VK-04 means, and what to do
  --json           one JSON object, for bug reports`;

/** Version of the JSON output; raised when a reader would have to change. */
const JSON_VERSION = 2;

/** Examines this machine; resolves with the exit code. */
export async function doctor(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "doctor",
    string: ["adapter", "explain"],
    boolean: ["json", "help"],
    positional: 0,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const code = options.string("explain");
  if (code !== undefined) {
    for (const line of explain(code)) terminal.result(line);
    return 0;
  }
  const json = options.boolean("json");
  const checks: Check[] = [];
  for await (const check of examine(adapterWish(options))) {
    checks.push(check);
    if (!json) show(terminal, check);
  }
  const usable = checks.every(({ status }) => status !== "error");
  if (json) {
    terminal.result(JSON.stringify({ version: JSON_VERSION, usable, checks }));
  } else {
    terminal.result(usable ? "usable" : "not usable: mend the errors above");
  }
  return usable ? 0 : 3;
}

/** All checks, in the order in which one depends on another. */
async function* examine(wish: AdapterWish): AsyncGenerator<Check> {
  yield* await checked("runtime", checkRuntime);
  yield* await checked("permissions", checkPermissions);
  yield* await checked("cache", checkCache);
  yield* await checked("disk", () => checkDisk(realEnv));
  yield* await checked("nats", () => checkNats(realEnv));
  const machine = ownMachine(realEnv, wish);
  let nvidia = false;
  yield* await checked("driver", async () => {
    const found = await checkVulkan(machine);
    nvidia = found.nvidia;
    // Before this process loads a driver.
    for (const [name, value] of Object.entries(found.variables)) {
      Deno.env.set(name, value);
    }
    return found.checks;
  });
  yield* await checkGpu(machine, nvidia);
}

function show(terminal: Console, check: Check): void {
  const { status, name, code, detail, hint } = check;
  const text = code === undefined ? detail : `${code}: ${detail}`;
  terminal.result(`${status.padEnd(5)}  ${name.padEnd(11)}  ${text}`);
  if (hint !== undefined) {
    terminal.result(`       ${"hint".padEnd(11)}  ${hint}`);
  }
}
