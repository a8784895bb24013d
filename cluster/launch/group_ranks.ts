import type { OwnPlace } from "./own_place.ts";
import { ownAddress } from "./node_server.ts";
import { localStarter, type Starter } from "./starter.ts";

/**
 * For the first process of mpirun or srun, which coordinates: it starts rank 0
 * beside itself, and the other processes of the group join as the other ranks.
 */
export function groupStarter(place: OwnPlace, host?: string): Starter {
  const { size, launcher, node, together } = place;
  return {
    about: `${size} by ${launcher}`,
    ...(node === undefined ? {} : { node }),
    host: host ?? (together ? undefined : ownAddress()),
    start: localStarter({ ranks: [0] }).start,
  };
}
