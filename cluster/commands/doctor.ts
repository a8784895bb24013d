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
} from "../doctor/mod.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: doctor [--json]

Looks at everything that a run needs and says how to mend what is wrong.
Exit code 3 when no run can work here.

  --json   one JSON object, for bug reports
`;

/** Version of the JSON output; raised when a reader would have to change. */
const JSON_VERSION = 1;

/** Examines this machine; resolves with the exit code. */
export async function doctor(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "doctor",
    boolean: ["json", "help"],
    positional: 0,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP.trimEnd());
    return 0;
  }
  const json = options.boolean("json");
  const checks: Check[] = [];
  const looks: [string, () => Promise<Check | Check[]>][] = [
    ["runtime", checkRuntime],
    ["permissions", checkPermissions],
    ["cache", checkCache],
    ["disk", () => checkDisk(realEnv)],
    ["nats", () => checkNats(realEnv)],
    ["vulkan", () => checkVulkan(realEnv)],
    ["gpu", () => checkGpu(realEnv)],
  ];
  for (const [name, look] of looks) {
    for (const check of await checked(name, look)) {
      checks.push(check);
      if (json) continue;
      const { status, detail, hint } = check;
      terminal.result(
        `${status.padEnd(5)}  ${check.name.padEnd(11)}  ${detail}`,
      );
      if (hint !== undefined) {
        terminal.result(`       ${"hint".padEnd(11)}  ${hint}`);
      }
    }
  }
  const usable = checks.every(({ status }) => status !== "error");
  if (json) {
    terminal.result(JSON.stringify({ version: JSON_VERSION, usable, checks }));
  } else {
    terminal.result(usable ? "usable" : "not usable: mend the errors above");
  }
  return usable ? 0 : 3;
}
