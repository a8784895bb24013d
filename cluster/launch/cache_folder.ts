import { dirname } from "node:path";

/**
 * Where a run keeps what other runs may use too: `SIGNET_CACHE_DIR`, which may
 * be a disk of the node's own, or `cache` beside the run folder.
 */
export function cacheFolderOf(runFolder: string): string {
  return Deno.env.get("SIGNET_CACHE_DIR") || `${dirname(runFolder)}/cache`;
}
