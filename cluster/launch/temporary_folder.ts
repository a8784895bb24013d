import { type Env, EnvironmentError } from "../../src/env/mod.ts";

/**
 * Makes a folder of this machine whose name begins with `prefix`.
 *
 * @throws {EnvironmentError} If there is no place for it.
 */
export async function temporaryFolder(prefix: string): Promise<string> {
  try {
    return await Deno.makeTempDir({ prefix });
  } catch (cause) {
    throw new EnvironmentError(
      `Cannot make a temporary folder in ${Deno.env.get("TMPDIR") ?? "/tmp"}: ${
        (cause as Error).message
      }`,
      { cause, hint: "set TMPDIR to a folder that can be written" },
    );
  }
}

/** Removes the folder of a server, unless its log is left to tell why it did not start. */
export async function removeUnlessTold(
  { disk }: Pick<Env, "disk">,
  folder: string,
): Promise<void> {
  const log = await disk.stat(`${folder}/nats-server.log`);
  if (log === undefined) await disk.remove(folder);
}
