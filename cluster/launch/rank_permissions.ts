import { dirname } from "node:path";
import { isLoopback } from "../links/mod.ts";

/**
 * What a rank may reach: the server at `host:port` and the other ranks on this
 * machine. Behind a server that other machines reach, it listens for theirs too.
 *
 * @param elsewhere Other ranks are on machines whose addresses nobody knows yet.
 */
export function netPermission(server: string, elsewhere: boolean): string {
  const local = isLoopback(new URL(`nats://${server}`).hostname);
  if (elsewhere && !local) return "--allow-net";
  const everywhere = local ? [] : ["0.0.0.0", "[::]"];
  return `--allow-net=${[server, "127.0.0.1", ...everywhere].join(",")}`;
}

/**
 * What a rank may write. A comma parts the paths of a permission: for one that has
 * some, the nearest folder above it without.
 */
export function writePermission(...paths: readonly string[]): string {
  const allowed = paths.map((path) => {
    while (path.includes(",")) path = dirname(path);
    return path;
  });
  return `--allow-write=${allowed.join(",")}`;
}
