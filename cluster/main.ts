import {
  ConfigError,
  diskError,
  realEnv,
  SignetError,
} from "../src/env/mod.ts";
import { overview, VERBS } from "./commands/table.ts";
import { Console } from "./console.ts";
import { hasTerminal } from "./terminal.ts";

/** Runs a verb and resolves with its exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const [verb = "--help", ...rest] = args;
  if (verb === "--help" || verb === "-h" || verb === "help") {
    if (verb === "help" && rest[0] !== undefined) {
      return await main([rest[0], "--help"]);
    }
    new Console(realEnv).result(overview());
    return 0;
  }
  const entry = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (entry === undefined) {
    const known = Object.keys(VERBS).filter((name) => !VERBS[name]!.hidden);
    const { nearest } = await import("../src/config/mod.ts");
    const meant = nearest(verb, known);
    throw new ConfigError(`Cannot run "${verb}": unknown verb`, {
      hint: meant === undefined
        ? `verbs: ${known.join(" ")}`
        : `did you mean ${meant}?`,
    });
  }
  return await (await entry.load())(rest);
}

/** Prints an error for people; only a defect of this program shows its stack. */
export function explain(thrown: unknown): number {
  const console = new Console(realEnv);
  const error = diskError(thrown) ?? thrown;
  if (!(error instanceof SignetError)) {
    const text = error instanceof Error ? error.stack : String(error);
    console.urgent(`error: unexpected: ${text}`);
    return 1;
  }
  console.urgent(`error: ${error.message}`);
  if (error.hint !== undefined) console.urgent(`hint: ${error.hint}`);
  return error.exitCode;
}

/** Errors of sockets, which their owners learn of by the end of the stream. */
const SOCKET_ERRORS = ["ECONNRESET", "EPIPE", "ECONNABORTED"];

/** Errors that nobody waits for end the process with a message, not a trace. */
function onStray(event: Event, error: unknown): void {
  event.preventDefault();
  const { code } = Object(error) as { code?: string };
  // A server that refuses a client resets its socket after saying why.
  if (code !== undefined && SOCKET_ERRORS.includes(code)) return;
  Deno.exit(explain(error));
}

if (import.meta.main) {
  if (!hasTerminal()) Deno.addSignalListener("SIGHUP", () => {});
  addEventListener("error", (event) => onStray(event, event.error));
  addEventListener(
    "unhandledrejection",
    (event) => onStray(event, event.reason),
  );
  Deno.exit(await main(Deno.args).catch(explain));
}
