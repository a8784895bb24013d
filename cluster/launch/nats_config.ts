/** A user of the run's server. */
export interface NatsUser {
  user: string;
  password: string;
  /** Prefix of the subjects on which it receives replies. */
  inbox: string;
}

export interface NatsUsers {
  coordinator: NatsUser;
  rank: NatsUser;
  /** Of the system account: sees who disconnects. */
  system: NatsUser;
}

/** Certificate of a server, as files in PEM. */
export interface ServerTls {
  certificate: string;
  key: string;
  /** The authority, which signs the other servers of a cluster too. */
  ca: string;
}

/** A server's place among those of the other machines of a run. */
export interface ServerCluster {
  /** Address for the other servers; port -1 lets the system choose. */
  host: string;
  port: number;
  /** `host:port` of servers that are there; of any one suffices. */
  routes: readonly string[];
  /** The servers' word to each other. */
  user: string;
  password: string;
}

export interface NatsConfigOptions {
  run: string;
  /** Names the server among those of the run. */
  name: string;
  host: string;
  /** -1 lets the system choose. */
  port: number;
  users: NatsUsers;
  tls?: ServerTls | undefined;
  cluster?: ServerCluster | undefined;
}

/** Above the largest frame; the server warns above 8 MB. */
const MAX_PAYLOAD = "8MB";

/**
 * Configuration of a server for one run. Only its users may connect, and only
 * the coordinator may command. The server waits long for slow readers: credits
 * bound what can pile up for them; and long for a password, since hundreds of
 * ranks may come at once, on cores that compile kernels.
 */
export function natsConfig(
  { run, name, host, port, users, tls, cluster }: NatsConfigOptions,
): string {
  const { coordinator, rank, system } = users;
  const all = [`run.${run}.>`];
  const commands = [`run.${run}.ctl.cmd.>`, `run.${run}.ctl.pulse`];
  const inboxes = [`${rank.inbox}.>`, `${coordinator.inbox}.>`];
  return `listen: ${quote(addressOf(host, port))}
server_name: ${quote(`signet-${run}-${name}`)}
max_payload: ${MAX_PAYLOAD}
max_pending: 256MB
write_deadline: "60s"
ping_interval: "5s"
ping_max: 2
max_connections: 4096
authorization { timeout: 15 }
logfile_size_limit: 16MB
${tls === undefined ? "" : tlsBlock(tls)}${
    cluster === undefined ? "" : clusterBlock(run, cluster, tls)
  }accounts {
  RUN {
    users: [
      {
        user: ${quote(coordinator.user)}, password: ${
    quote(coordinator.password)
  }
        permissions: {
          publish: ${list([...all, ...inboxes])}
          subscribe: ${list([...all, `${coordinator.inbox}.>`])}
        }
      }
      {
        user: ${quote(rank.user)}, password: ${quote(rank.password)}
        permissions: {
          publish: { allow: ${list([...all, ...inboxes])}, deny: ${
    list(commands)
  } }
          subscribe: ${list([...all, `${rank.inbox}.>`])}
        }
      }
    ]
  }
  SYS {
    users: [ { user: ${quote(system.user)}, password: ${
    quote(system.password)
  } } ]
  }
}
system_account: SYS
`;
}

/** Every connection is encrypted; who connects is told by user and password. */
function tlsBlock({ certificate, key, ca }: ServerTls, verify = false): string {
  return `tls { cert_file: ${quote(certificate)}, key_file: ${
    quote(key)
  }, ca_file: ${quote(ca)}, verify: ${verify}, timeout: 5 }
`;
}

/**
 * Servers tell each other of further ones, so all are connected to all, and a
 * message crosses one route; by the address that they listen on, for a machine of
 * several networks may call from another one. Clients are not told: each stays with
 * its own server.
 */
function clusterBlock(
  run: string,
  { host, port, routes, user, password }: ServerCluster,
  tls: ServerTls | undefined,
): string {
  const addresses = routes.map((route) =>
    quote(`nats-route://${user}:${password}@${route}`)
  );
  return `cluster {
  name: ${quote(`signet-${run}`)}
  listen: ${quote(addressOf(host, port))}
  advertise: ${quote(addressOf(host, port))}
  no_advertise: true
  authorization { user: ${quote(user)}, password: ${
    quote(password)
  }, timeout: 15 }
  routes: [${addresses.join(", ")}]
  ${tls === undefined ? "" : tlsBlock(tls, true)}}
`;
}

/** `host:port`; the colons of an IPv6 address are in brackets. */
function addressOf(host: string, port: number): string {
  return host.includes(":") && !host.startsWith("[")
    ? `[${host}]:${port}`
    : `${host}:${port}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function list(subjects: string[]): string {
  return `[${subjects.map(quote).join(", ")}]`;
}
