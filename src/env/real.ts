import { diskError, isLossyName } from "./disk_error.ts";
import { ConfigError } from "./errors.ts";
import type { Disk, Env, FileInfo } from "./env.ts";

function kindOf(
  entry: { isFile: boolean; isDirectory: boolean },
): FileInfo["kind"] {
  return entry.isFile ? "file" : entry.isDirectory ? "folder" : "other";
}

function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut < 0 ? "." : cut === 0 ? "/" : path.slice(0, cut);
}

let writes = 0;

/** Syncs a folder, so that a rename in it survives a power cut. */
async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path, { read: true });
  await folder.sync().catch(() => {
    // Some network file systems refuse to sync a folder; the rename stands.
  });
}

const disk: Disk = {
  read: (path) => Deno.readFile(path),
  readText: (path) => Deno.readTextFile(path),
  async readRange(path, offset, length) {
    using file = await Deno.open(path, { read: true });
    await file.seek(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  },
  async stream(path) {
    return (await Deno.open(path, { read: true })).readable;
  },
  async write(path, data) {
    const temporary = `${path}.${Deno.pid}-${writes++}.tmp`;
    const bytes = typeof data === "string"
      ? new TextEncoder().encode(data)
      : data;
    try {
      {
        using file = await Deno.open(temporary, {
          write: true,
          create: true,
          truncate: true,
        });
        let written = 0;
        while (written < bytes.length) {
          written += await file.write(bytes.subarray(written));
        }
        await file.sync();
      }
      await Deno.rename(temporary, path);
    } catch (error) {
      await disk.remove(temporary).catch(() => {
        // The first error tells more.
      });
      throw diskError(error, path) ?? error;
    }
    await syncFolder(parentOf(path));
  },
  async append(path, text) {
    try {
      await Deno.writeTextFile(path, text, { append: true });
    } catch (error) {
      throw diskError(error, path) ?? error;
    }
  },
  async lock(path) {
    while (true) {
      const file = await Deno.open(path, { append: true, create: true });
      await file.lock(true).catch(() => {
        // Some network file systems refuse: appends are as whole as they make them.
      });
      // Who held it may have put another file in its place.
      const there = await Deno.stat(path).catch(() => undefined);
      const { ino, dev } = await file.stat();
      if (there?.ino === ino && there.dev === dev) return file;
      file.close();
    }
  },
  async truncate(path, size) {
    using file = await Deno.open(path, { write: true, create: true });
    await file.truncate(size);
  },
  async makeFolder(path) {
    try {
      await Deno.mkdir(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) {
        throw new ConfigError(`Cannot make the folder ${path}: it is a file`);
      }
      // All that is missing on the way would have been made.
      if (error instanceof Deno.errors.NotFound) {
        throw new ConfigError(
          `Cannot make the folder ${path}: its file system takes none`,
          { cause: error, hint: "give a path on a disk" },
        );
      }
      throw diskError(error, path) ?? error;
    }
  },
  rename: (from, to) => Deno.rename(from, to),
  async remove(path) {
    try {
      await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  },
  async list(path) {
    const entries = await Array.fromAsync(
      Deno.readDir(path),
      async (entry) => ({
        name: entry.name,
        kind: entry.isSymlink
          ? (await disk.stat(`${path}/${entry.name}`))?.kind ?? "other"
          : kindOf(entry),
      }),
    ).catch((error) => {
      throw error instanceof Deno.errors.NotFound && isLossyName(path)
        ? new ConfigError(`Cannot list ${path}: its name is not UTF-8`, {
          hint: "rename it",
        })
        : error;
    });
    return entries.sort((a, b) =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : 0
    );
  },
  async stat(path) {
    try {
      const info = await Deno.stat(path);
      return {
        kind: kindOf(info),
        size: info.isDirectory ? 0 : info.size,
        id: `${info.dev}:${info.ino}`,
      };
    } catch (error) {
      if (
        error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory ||
        error instanceof Deno.errors.FilesystemLoop
      ) return undefined;
      throw error;
    }
  },
};

/** The machine itself. */
export const realEnv: Env = {
  clock: { now: () => performance.now(), wall: () => Date.now() },
  timers: {
    sleep(ms, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      if (signal?.aborted) {
        reject(signal.reason);
        return promise;
      }
      const abort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", abort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", abort, { once: true });
      return promise;
    },
    after(ms, action) {
      const timer = setTimeout(action, ms);
      return () => clearTimeout(timer);
    },
    every(ms, action) {
      const timer = setInterval(action, ms);
      return () => clearInterval(timer);
    },
  },
  disk,
  randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  exit: (code) => Deno.exit(code),
};
