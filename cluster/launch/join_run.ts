import { hostname } from "node:os";
import { ConfigError, type Env, EnvironmentError } from "../../src/env/mod.ts";
import { awaitShared, type Meeting, meetingFile } from "./meeting.ts";
import { serverOfNode } from "./node_server.ts";
import type { OwnPlace } from "./own_place.ts";

export interface JoinRequest {
  runFolder: string;
  place: OwnPlace;
  /** Id of the run's life, where the launcher knows it. */
  life?: string;
}

/** What a rank needs to reach its run. */
export interface Joined {
  rank: number;
  size: number;
  /** File with its credentials. */
  credentials: string;
  /** Address of its server. */
  url: string;
}

/**
 * Finds the run of a rank that was started by mpirun, srun or ssh: waits for the
 * coordinator's word in the run folder, then for the server of its own node.
 *
 * @throws {EnvironmentError} If no coordinator comes in time.
 * @throws {ConfigError} If the run has another number of ranks.
 */
export async function joinRun(
  env: Env,
  { runFolder, place, life }: JoinRequest,
): Promise<Joined> {
  const meeting = await awaitShared<Meeting, Meeting>(
    env,
    meetingFile(runFolder),
    async (found) => {
      if (life !== undefined && found.life !== life) return undefined;
      // What a coordinator that was killed has left names a server that is gone.
      await reach(found.url);
      return found;
    },
  );
  const { rank, size, launcher } = place;
  if (size !== meeting.size) {
    throw new ConfigError(
      `Cannot join the run: ${launcher} started ${size} ranks, the run has ${meeting.size}`,
    );
  }
  // Without a place on its machine a rank cannot tell who starts the server there.
  const { localRank } = place;
  const url = localRank === undefined
    ? meeting.url
    : await serverOfNode(env, meeting, {
      runFolder,
      node: place.node ?? hostname(),
      localRank,
    });
  return { rank, size, url, credentials: `${runFolder}/nats/rank.json` };
}

/** A machine that is off does not even refuse, and the next look may find another. */
const REACH_MS = 2000;

async function reach(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  try {
    const signal = AbortSignal.timeout(REACH_MS);
    (await Deno.connect({ hostname, port: Number(port), signal })).close();
  } catch (cause) {
    throw new EnvironmentError(`${url} does not answer`, { cause });
  }
}
