/** Hosts of a server that only this machine reaches. */
const LOOPBACK = /^(?:127\.|localhost(?::|$)|\[::1\])/;

/**
 * What a rank may reach: the server at `host:port` and the other ranks on this
 * machine. With a server that other machines reach, it listens for theirs too.
 */
export function netPermission(server: string): string {
  const others = LOOPBACK.test(server) ? [] : ["0.0.0.0"];
  return `--allow-net=${[server, "127.0.0.1", ...others].join(",")}`;
}
