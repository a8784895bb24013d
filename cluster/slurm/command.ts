import { EnvironmentError } from "../../src/env/mod.ts";

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
