/** Hosts of a server that only this machine reaches. */
const LOOPBACK = /^(?:127\.|localhost(?::|$)|\[::1\])/;

/**
 * What a rank may reach: the server at `host:port` and the other ranks on this
 * machine. Behind a server that other machines reach, it listens for theirs too.
 *
 * @param elsewhere Other ranks are on machines whose addresses nobody knows yet.
 */
export function netPermission(server: string, elsewhere: boolean): string {
  const local = LOOPBACK.test(server);
  if (elsewhere && !local) return "--allow-net";
  const everywhere = local ? [] : ["0.0.0.0", "[::]"];
  return `--allow-net=${[server, "127.0.0.1", ...everywhere].join(",")}`;
}
