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

/** Above the largest frame; the server warns above 8 MB. */
const MAX_PAYLOAD = "8MB";

/**
 * Configuration of a server for one run. Only its users may connect, and only
 * the coordinator may command. The server waits long for slow readers: credits
 * bound what can pile up for them.
 */
export function natsConfig(
  { run, host, port, users }: {
    run: string;
    host: string;
    /** -1 lets the system choose. */
    port: number;
    users: NatsUsers;
  },
): string {
  const { coordinator, rank, system } = users;
  const all = [`run.${run}.>`];
  const commands = [`run.${run}.ctl.cmd.>`, `run.${run}.ctl.pulse`];
  const inboxes = [`${rank.inbox}.>`, `${coordinator.inbox}.>`];
  return `listen: "${host}:${port}"
server_name: "signet-${run}"
max_payload: ${MAX_PAYLOAD}
max_pending: 256MB
write_deadline: "60s"
ping_interval: "5s"
ping_max: 2
max_connections: 4096
accounts {
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

function quote(text: string): string {
  return JSON.stringify(text);
}

function list(subjects: string[]): string {
  return `[${subjects.map(quote).join(", ")}]`;
}
