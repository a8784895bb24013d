import { dirname } from "node:path";
import { TUNING_VARIABLES } from "../communicator/mod.ts";

/**
 * Where a run keeps what other runs may use too: `SIGNET_CACHE_DIR`, which may
 * be a disk of the node's own, or `cache` beside the run folder.
 */
export function cacheFolderOf(runFolder: string): string {
  return Deno.env.get("SIGNET_CACHE_DIR") || `${dirname(runFolder)}/cache`;
}

/**
 * Where ranks keep how fast their links were: `SIGNET_TUNING`, or a folder in
 * the given cache, by default the user's. `undefined` when the variable is empty
 * or there is no place: then nothing is measured.
 */
export function tuningFolderOf(cacheFolder = userCache()): string | undefined {
  const wished = Deno.env.get(TUNING_VARIABLES.tuning);
  if (wished !== undefined) return wished || undefined;
  return cacheFolder && `${cacheFolder}/links`;
}

function userCache(): string | undefined {
  const [own, shared, home] = ["SIGNET_CACHE_DIR", "XDG_CACHE_HOME", "HOME"]
    .map((name) => Deno.env.get(name));
  if (own) return own;
  if (shared) return `${shared}/signet`;
  return home ? `${home}/.cache/signet` : undefined;
}
