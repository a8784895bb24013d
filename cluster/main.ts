import { SignetError } from "../src/env/mod.ts";
import { test } from "./commands/test.ts";

const COMMANDS: Record<string, (args: string[]) => Promise<number>> = { test };

/** Runs a verb and resolves with its exit code. */
export async function main(args: string[]): Promise<number> {
  const [verb = "--help", ...rest] = args;
  const command = COMMANDS[verb];
  if (command === undefined) {
    throw new SignetError(`Cannot run ${verb}: unknown verb`, {
      hint: `verbs: ${Object.keys(COMMANDS).join(" ")}`,
      exitCode: 2,
    });
  }
  return await command(rest);
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof SignetError)) throw error;
    const hint = error.hint === undefined ? "" : `\nhint: ${error.hint}`;
    Deno.stderr.writeSync(
      new TextEncoder().encode(`error: ${error.message}${hint}\n`),
    );
    Deno.exit(error.exitCode);
  }
}
