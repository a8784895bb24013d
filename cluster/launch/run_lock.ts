import process from "node:process";
import { ConfigError, diskError, SignetError } from "../../src/env/mod.ts";

/** The holder touches its lock this often, in ms. */
const TOUCH_MS = 1000;
/** Others watch a lock for so long before they call it stale. */
const WATCH_MS = 5000;

interface Holder {
  pid: number;
  host: string;
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, host } = JSON.parse(text);
    return Number.isInteger(pid) && typeof host === "string"
      ? { pid, host }
      : undefined;
  } catch {
    return undefined;
  }
}

async function read(path: string) {
  try {
    return {
      text: await Deno.readTextFile(path),
      touched: (await Deno.stat(path)).mtime?.getTime(),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether the process of a lock on this host is gone. */
function isGone(pid: number): boolean {
  // A lock with our own id is left from an earlier life of a container.
  if (pid === Deno.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH";
  }
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    using file = await Deno.open(path, { write: true, createNew: true });
    await file.write(new TextEncoder().encode(text));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw diskError(error, path) ?? error;
  }
}

/**
 * Keeps a run folder to one coordinator.
 *
 * A lock whose process has gone, or that its holder no longer touches, is taken
 * over; `onLost` hears why ours is no more, as after a long sleep.
 *
 * @throws {ConfigError} If another coordinator holds it.
 */
export async function lockRun(
  folder: string,
  onLost: (cause: string) => void,
): Promise<AsyncDisposable> {
  const path = `${folder}/lock`;
  const host = Deno.hostname();
  const own = JSON.stringify({ pid: Deno.pid, host });
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await create(path, own)) return hold(folder, own, onLost);
    const found = await read(path);
    if (found === undefined) continue;
    const holder = parse(found.text);
    if (holder?.host !== host || !isGone(holder.pid)) {
      // Clocks of two hosts are not compared; only whether the time changes.
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      const later = await read(path);
      if (later !== undefined && later.touched !== found.touched) {
        throw busy(folder, holder);
      }
    }
    await takeAway(path, found.text);
  }
  throw new SignetError(`Cannot lock ${folder}: others try at the same time`);
}

function busy(folder: string, holder: Holder | undefined): ConfigError {
  const who = holder === undefined
    ? "another process"
    : `process ${holder.pid} on ${holder.host}`;
  return new ConfigError(`Cannot use ${folder}: ${who} is running it`, {
    hint: "wait for it, stop it, or give another --run-dir",
  });
}

/** Removes a stale lock, unless someone has put a new one in its place. */
async function takeAway(path: string, text: string): Promise<void> {
  const aside = `${path}.${Deno.pid}.stale`;
  try {
    await Deno.rename(path, aside);
    if (await Deno.readTextFile(aside) !== text) await Deno.rename(aside, path);
    else await Deno.remove(aside);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function hold(
  folder: string,
  own: string,
  onLost: (cause: string) => void,
): AsyncDisposable {
  const path = `${folder}/lock`;
  const touch = async () => {
    const found = await read(path);
    if (found === undefined) {
      return onLost(`${path} is gone: was the run folder removed?`);
    }
    if (found.text !== own) {
      return onLost(`another coordinator has taken ${folder} over`);
    }
    const now = new Date();
    await Deno.utime(path, now, now);
  };
  const timer = setInterval(() => {
    touch().catch(() => {
      // The folder is gone or full; the run's own writes will say so.
    });
  }, TOUCH_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      if ((await read(path))?.text !== own) return;
      await Deno.remove(path).catch(() => {
        // On a disk that can only be read by now it is soon a stale one.
      });
    },
  };
}
