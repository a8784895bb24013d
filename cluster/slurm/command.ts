import { EnvironmentError, realEnv } from "../../src/env/mod.ts";

/** Between two questions, in ms. */
const PAUSES_MS = [2000, 10_000, 30_000];

/**
 * As {@linkcode slurm} where nothing is changed: asks again, since a controller that
 * is busy or starts again answers a little later.
 *
 * @throws {EnvironmentError} If the program is not there, or fails each time.
 */
export async function askSlurm(
  program: string,
  args: readonly string[],
): Promise<string> {
  for (const pause of PAUSES_MS) {
    try {
      return await slurm(program, args);
    } catch (error) {
      const { message, cause } = error as Error;
      // It does not run at all, or will say the same.
      if (cause !== undefined || /invalid/i.test(message)) throw error;
    }
    await realEnv.timers.sleep(pause);
  }
  return await slurm(program, args);
}

/**
 * Runs a program of SLURM and resolves with its output.
 *
 * @throws {EnvironmentError} If it is not there or fails.
 */
export async function slurm(
  program: string,
  args: readonly string[],
): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args: [...args], stdin: "null" })
      .output();
  } catch (cause) {
    throw new EnvironmentError(`Cannot ask SLURM: ${program} does not run`, {
      cause,
      hint: "run this on a login node, or load the module that has SLURM",
    });
  }
  const decoder = new TextDecoder();
  if (output.success) return decoder.decode(output.stdout).trim();
  const said = decoder.decode(output.stderr).trim().split("\n").slice(0, 3);
  throw new EnvironmentError(
    `Cannot ask SLURM: ${program} ended with code ${output.code}: ${
      said.join(" | ")
    }`,
  );
}
