import { realEnv } from "../../src/env/mod.ts";
import { LinkCommunicator } from "../../cluster/communicator/mod.ts";
import {
  type Credentials,
  openNatsLink,
  runHash,
} from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";

/** Ranks in this process, each over its own real connections to a server. */
export interface NatsWorld {
  ranks: LinkCommunicator[];
  close(): Promise<void>;
}

/** Opens a rank for each of the credentials, which may name different servers. */
export async function openNatsWorld(
  places: readonly Credentials[],
  options: {
    generation?: number;
    segmentBytes?: number;
    deadlineMs?: number;
  } = {},
): Promise<NatsWorld> {
  const { generation = 1, segmentBytes, deadlineMs = 60_000 } = options;
  const ranks = await Promise.all(places.map(async (credentials, rank) => {
    const subjects = subjectsOf(credentials.run);
    return new LinkCommunicator({
      link: await openNatsLink(credentials, {
        rank,
        size: places.length,
        name: `rank-${rank}-data`,
        subject: (to, lane) => subjects.data(to, lane),
      }),
      world: { run: runHash(credentials.run), generation },
      env: realEnv,
      warnAfterMs: deadlineMs / 6,
      deadlineMs,
      segmentBytes,
      onWarning: () => {},
    });
  }));
  return {
    ranks,
    async close() {
      await Promise.all(ranks.map((rank) => rank.close()));
    },
  };
}
