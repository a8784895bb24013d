import { type Env, EnvironmentError } from "../../src/env/mod.ts";
import type { Credentials } from "../links/mod.ts";
import { findNatsServer } from "./nats_binary.ts";
import {
  natsConfig,
  type NatsUser,
  type NatsUsers,
  type ServerCluster,
  type ServerTls,
} from "./nats_config.ts";
import { type NatsProcess, startNatsProcess } from "./nats_process.ts";

export interface NatsServerOptions {
  env: Env;
  /** Folder for configuration, credentials and log; made if absent. */
  folder: string;
  /** Id of the run: one word. */
  run: string;
  /** Address to listen on; only this machine by default. */
  host?: string;
  /** Encrypts all connections. */
  tls?: ServerTls;
  /** Joins the servers of the run's other machines; {@linkcode host} and users must suit. */
  cluster?: ServerCluster;
  /** Who may connect, equal on all servers of a cluster; random ones by default. */
  users?: NatsUsers;
  /** Named pipe: the server ends with the last process that holds it, not with this one. */
  lifeline?: string;
  /** The server binary; by default found on the PATH or in `.tools/bin`. */
  binary?: string;
}

/** A NATS server of our own for one run. */
export interface NatsServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** `host:port` for the routes of other servers, when it has a cluster. */
  readonly clusterAddress: string | undefined;
  readonly users: NatsUsers;
  /** Its log. */
  readonly log: string;
  /** File, readable by its owner only, with the {@linkcode Credentials} of the ranks. */
  readonly credentialsFile: string;
  readonly coordinator: Credentials;
  readonly rank: Credentials;
  readonly system: Credentials;
  /** Resolves with the exit code when the server process has ended. */
  readonly ended: Promise<number>;
  /** Starts the server again on the same port, when it has ended or as it runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a nats-server on a free port with random credentials.
 *
 * @throws {EnvironmentError} If there is no nats-server or it does not start.
 */
export async function startNatsServer(
  options: NatsServerOptions,
): Promise<NatsServer> {
  const { env, run, host = "127.0.0.1" } = options;
  const binary = options.binary ?? await findNatsServer();
  await env.disk.makeFolder(options.folder);
  const folder = await Deno.realPath(options.folder);
  const users = options.users ?? newUsers(env, run);
  const config = `${folder}/nats.conf`;
  const { tls, cluster } = options;
  const ca = tls === undefined ? {} : { ca: await env.disk.readText(tls.ca) };
  const common = { run, name: env.randomBytes(4).toHex(), host, users, tls };
  await writeSecret(config, natsConfig({ ...common, port: -1, cluster }));
  await validate(binary, config);
  const { lifeline } = options;
  const start = () =>
    startNatsProcess({ env, binary, config, folder, lifeline });
  let process: NatsProcess = await start();
  const { url, cluster: clusterAddress } = process;
  const credentials = (user: NatsUser): Credentials => ({
    url,
    run,
    ...user,
    ...ca,
  });
  const credentialsFile = `${folder}/rank.json`;
  await writeSecret(
    credentialsFile,
    JSON.stringify(credentials(users.rank)),
  );
  return {
    url,
    get pid() {
      return process.pid;
    },
    clusterAddress,
    users,
    log: `${folder}/nats-server.log`,
    credentialsFile,
    coordinator: credentials(users.coordinator),
    rank: credentials(users.rank),
    system: credentials(users.system),
    get ended() {
      return process.ended;
    },
    async restart() {
      await process.stop();
      const port = Number(new URL(url).port);
      const again = cluster &&
        { ...cluster, port: Number(new URL(`nats://${clusterAddress}`).port) };
      await writeSecret(
        config,
        natsConfig({ ...common, port, cluster: again }),
      );
      process = await start();
    },
    stop: () => process.stop(),
    [Symbol.asyncDispose]: () => process.stop(),
  };
}

/** Random credentials for the users of a run. */
export function newUsers(env: Env, run: string): NatsUsers {
  return {
    coordinator: user(env, "coordinator", `_INBOX.${run}.coordinator`),
    rank: user(env, "rank", `_INBOX.${run}.rank`),
    system: user(env, "system", `_INBOX.${run}.system`),
  };
}

function user(env: Env, name: string, inbox: string): NatsUser {
  return { user: name, password: env.randomBytes(24).toHex(), inbox };
}

/** Writes a file that was readable by its owner only from the beginning. */
async function writeSecret(path: string, text: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
  await Deno.writeTextFile(path, text, { mode: 0o600, createNew: true });
}

async function validate(binary: string, config: string): Promise<void> {
  const { code, stdout, stderr } = await check(binary, config);
  if (code === 0) return;
  const decoder = new TextDecoder();
  const said = (decoder.decode(stderr) + decoder.decode(stdout)).trim();
  throw new EnvironmentError(
    `Cannot use ${config} with nats-server (${binary}): ${said}`,
    { hint: "Version 2.9 or newer is needed" },
  );
}

async function check(
  binary: string,
  config: string,
): Promise<Deno.CommandOutput> {
  try {
    const args = ["-c", config, "-t"];
    return await new Deno.Command(binary, { args, stdin: "null" }).output();
  } catch (cause) {
    throw new EnvironmentError(
      `Cannot run nats-server (${binary}): ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
}
