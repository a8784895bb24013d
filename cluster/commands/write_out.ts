import { ConfigError, realEnv, SignetError } from "../../src/env/mod.ts";

/** Links to what a shell has opened for a process. */
const OPENED = /^\/(dev\/(std(in|out|err)|fd\/)|proc\/)/;

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
    await checkPlace(path);
    const cut = path.lastIndexOf("/");
    if (cut > 0) await realEnv.disk.makeFolder(path.slice(0, cut));
    await realEnv.disk.write(path, data);
  });
}

/**
 * Refuses places that hold no file: known before hours of work, and a file that is
 * put in place whole would take a device away.
 *
 * @throws {ConfigError} If there is a folder, a device or a pipe.
 */
export async function checkPlace(path: string): Promise<void> {
  const there = await realEnv.disk.stat(path);
  if (there?.kind === "folder") {
    throw new ConfigError(`Cannot write ${path}: it is a folder`);
  }
  if (there?.kind === "other" || OPENED.test(path)) {
    throw new ConfigError(
      `Cannot write ${path}: it is a device or a pipe, no file`,
    );
  }
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
