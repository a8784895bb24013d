import type { Env } from "../../src/env/mod.ts";
import { isLoopback, ownAddresses } from "../links/mod.ts";
import { awaitShared, type Meeting, writeShared } from "./meeting.ts";
import { type NatsServer, startNatsServer } from "./nats_server.ts";
import { removeUnlessTold, temporaryFolder } from "./temporary_folder.ts";

/** A server of a node that ends is started again at most this often. */
const MAX_RESTARTS = 3;

/** What the first rank of a node tells the others of it. */
interface NodeServer {
  life: string;
  url: string;
  /** A pipe: the server ends when no rank holds it open any more. */
  lifeline: string;
}

/**
 * Address of the server for a rank: the coordinator's on the coordinator's node,
 * else that of the rank's own node, which the first rank there starts. It lives
 * until the last rank of the node has ended, however they end.
 */
export async function serverOfNode(
  env: Env,
  meeting: Meeting,
  { runFolder, node, localRank }: {
    runFolder: string;
    node: string;
    localRank: number;
  },
): Promise<string> {
  const { life, servers } = meeting;
  if (servers === undefined || node === meeting.node) return meeting.url;
  const file = `${runFolder}/nats/node-${node}.json`;
  if (localRank > 0) {
    const { url, lifeline } = await awaitShared<NodeServer, NodeServer>(
      env,
      file,
      (found) => found.life === life ? found : undefined,
    );
    await hold(lifeline);
    return url;
  }
  const folder = await temporaryFolder(`signet-${life}-`);
  const lifeline = `${folder}/lifeline`;
  await new Deno.Command("mkfifo", { args: ["-m", "600", lifeline] }).output();
  const { users, tls, route, user, password, hosts } = servers;
  const host = hosts[node] ?? addressLike(route);
  // A pipe opens once it has both ends: the server's guard has the other.
  const [server] = await Promise.all([
    startNatsServer({
      env,
      folder,
      run: life,
      host,
      users,
      ...(tls === undefined ? {} : { tls }),
      cluster: { host, port: -1, routes: [route], user, password },
      lifeline,
    }),
    hold(lifeline),
  ]).catch(async (error) => {
    await removeUnlessTold(env, folder);
    throw error;
  });
  keep(server);
  const own: NodeServer = { life, url: server.url, lifeline };
  await writeShared(file, own);
  return server.url;
}

/** A server that dies is started again; the ranks of the node reconnect. */
async function keep(server: NatsServer): Promise<void> {
  for (let restarts = 0; restarts < MAX_RESTARTS; restarts++) {
    await server.ended;
    await server.restart().catch(() => {
      // The coordinator finds the node's ranks silent.
    });
  }
}

/** Pipes that this process keeps open until it ends. */
const held: Deno.FsFile[] = [];

async function hold(lifeline: string): Promise<void> {
  held.push(await Deno.open(lifeline, { write: true }));
}

/** This machine's address in the network that the route is in. */
function addressLike(route: string): string {
  const { hostname } = new URL(`nats://${route}`);
  return isLoopback(hostname) ? hostname : ownAddress();
}

/** An address by which other machines may reach this one. */
export function ownAddress(): string {
  return ownAddresses()[0] ?? "127.0.0.1";
}
