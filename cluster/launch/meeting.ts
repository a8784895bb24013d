import { type Env, EnvironmentError } from "../../src/env/mod.ts";
import type { NatsUsers, ServerTls } from "./nats_config.ts";

/** How ranks that start by themselves find their run: a file of its folder. */
export interface Meeting {
  /** Id of this life of the run. */
  life: string;
  size: number;
  /** Machine of the coordinator. */
  node: string;
  /** Its server. */
  url: string;
  /** What a server of another node needs to join it. */
  servers?: {
    users: NatsUsers;
    tls?: ServerTls;
    /** `host:port` of the coordinator's server for other servers. */
    route: string;
    user: string;
    password: string;
    /** Address of each other node, where it is known. */
    hosts: Readonly<Record<string, string>>;
  };
}

const POLL_MS = 100;
/** The coordinator starts first, but file systems of a cluster show files late. */
export const MEETING_MS = 120_000;

/** Path of the file that tells where ranks of a run meet. */
export function meetingFile(runFolder: string): string {
  return `${runFolder}/nats/meeting.json`;
}

/** Writes a file, for its owner only, that readers see whole or not at all. */
export async function writeShared(path: string, value: unknown): Promise<void> {
  const part = `${path}.part`;
  await Deno.remove(part).catch(() => {});
  await Deno.writeTextFile(part, JSON.stringify(value), {
    mode: 0o600,
    createNew: true,
  });
  await Deno.rename(part, path);
}

/**
 * Waits for a file that another process of the run writes, and for what `use`
 * makes of it: `undefined` waits on.
 *
 * @throws {EnvironmentError} If it does not come in time.
 */
export async function awaitShared<T, U>(
  env: Env,
  path: string,
  use: (value: T) => Promise<U | undefined> | U | undefined,
): Promise<U> {
  const since = env.clock.now();
  let why = "it is not there";
  while (env.clock.now() - since < MEETING_MS) {
    try {
      const used = await use(JSON.parse(await Deno.readTextFile(path)));
      if (used !== undefined) return used;
      why = "it is of an earlier life of the run";
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        why = (error as Error).message;
      }
    }
    await env.timers.sleep(POLL_MS);
  }
  throw new EnvironmentError(
    `Cannot join the run: no use of ${path} for ${MEETING_MS / 1000} s: ${why}`,
    { hint: "Does the coordinator run, and is the folder on a shared disk?" },
  );
}
