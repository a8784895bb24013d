import { ConfigError, realEnv, SignetError } from "../../src/env/mod.ts";

/**
 * Writes a result where the user asked for it, with the folders on the way.
 *
 * @throws {ConfigError} If the place cannot be written.
 */
export async function writeOut(
  path: string,
  data: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  await writingTo(path, async () => {
    const cut = path.lastIndexOf("/");
    if (cut > 0) await realEnv.disk.makeFolder(path.slice(0, cut));
    await realEnv.disk.write(path, data);
  });
}

/** Does something that writes to a place of the user's; what the system refuses is said plainly. */
export async function writingTo(
  path: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof SignetError) throw error;
    throw new ConfigError(`Cannot write ${path}: ${error.message}`, {
      cause: error,
    });
  }
}
