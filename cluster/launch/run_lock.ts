import { ConfigError, SignetError } from "../../src/env/mod.ts";

/** The holder touches its lock this often; others wait three times as long. */
const TOUCH_MS = 3000;

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
async function isGone(pid: number): Promise<boolean> {
  try {
    await Deno.stat(`/proc/${pid}`);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    using file = await Deno.open(path, { write: true, createNew: true });
    await file.write(new TextEncoder().encode(text));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

/**
 * Keeps a run folder to one coordinator.
 *
 * A lock whose process has gone, or that its holder on another host no longer
 * touches, is taken over.
 *
 * @throws {ConfigError} If another coordinator holds it.
 */
export async function lockRun(folder: string): Promise<AsyncDisposable> {
  const path = `${folder}/lock`;
  const host = Deno.hostname();
  const own = JSON.stringify({ pid: Deno.pid, host });
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await create(path, own)) return hold(path, own);
    const found = await read(path);
    if (found === undefined) continue;
    const holder = parse(found.text);
    if (holder?.host === host) {
      if (!await isGone(holder.pid)) throw busy(folder, holder);
    } else {
      // Clocks of two hosts are not compared; only whether the time changes.
      await new Promise((resolve) => setTimeout(resolve, 3 * TOUCH_MS));
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

function hold(path: string, own: string): AsyncDisposable {
  const timer = setInterval(() => {
    const now = new Date();
    Deno.utime(path, now, now).catch(() => {
      // The folder is gone or full; the run's own writes will say so.
    });
  }, TOUCH_MS);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      if ((await read(path))?.text === own) await Deno.remove(path);
    },
  };
}
