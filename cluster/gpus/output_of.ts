/**
 * Trimmed stdout of a program, or `undefined` when it is absent or fails. `path`
 * is where it is looked for, in place of this process's PATH.
 */
export async function outputOf(
  program: string,
  args: readonly string[],
  path?: string,
): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stderr: "null",
      env: { LC_ALL: "C", ...(path === undefined ? {} : { PATH: path }) },
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
