import { ConfigError, type Env } from "../../src/env/mod.ts";
import { type Credentials, type Identity, readIdentity } from "../links/mod.ts";
import { certificatesIn } from "./certificates.ts";
import type { Meeting } from "./meeting.ts";
import { newUsers, startNatsServer } from "./nats_server.ts";

/** The NATS server that a run uses: its own, or one that is there. */
export interface RunServer extends AsyncDisposable {
  url: string;
  /** `host:port` */
  address: string;
  /** File with the credentials of the ranks, readable by their owner only. */
  credentialsFile: string;
  coordinator: Credentials;
  system: Credentials | undefined;
  /** Log of a server of our own. */
  log: string | undefined;
  /** What servers of other nodes need to join it. */
  servers?: Omit<NonNullable<Meeting["servers"]>, "hosts">;
  /** Resolves with the exit code each time a server of our own ends. */
  ended(): Promise<number>;
  restart(): Promise<void>;
}

/** Which server a run uses, and as whom; the command line's words for it. */
export interface ServerRequest {
  /** Address of a server that is there; left out, one is started. */
  nats?: string | undefined;
  /** File with the nkey of the run's processes, {@linkcode readIdentity}. */
  creds?: string | undefined;
  /** File with the nkey of a user of the server's system account. */
  systemCreds?: string | undefined;
  /** Folder of certificates: connections are encrypted. */
  tls?: string | undefined;
}

/** Options of those verbs that need a server. */
export const SERVER_OPTIONS = [
  "nats",
  "nats-creds",
  "nats-system",
  "tls",
] as const;

export function serverRequestOf(
  value: (name: typeof SERVER_OPTIONS[number]) => string | undefined,
): ServerRequest {
  return {
    nats: value("nats"),
    creds: value("nats-creds"),
    systemCreds: value("nats-system"),
    tls: value("tls"),
  };
}

interface Place {
  /** For the files of the server, until the run ends. */
  folder: string;
  run: string;
  /** Address for other machines, whose servers may join; only this one by default. */
  host?: string | undefined;
}

/**
 * Starts a server or uses the one that is there.
 *
 * @throws {ConfigError} If the request makes no sense.
 * @throws {EnvironmentError} If a server of our own does not start.
 */
export async function openServer(
  env: Env,
  place: Place,
  request: ServerRequest,
): Promise<RunServer> {
  if (request.nats !== undefined) {
    return await openForeignServer(env, place, request.nats, request);
  }
  const odd = request.creds ?? request.systemCreds;
  if (odd !== undefined) {
    throw new ConfigError(`Cannot use ${odd} without --nats`, {
      hint: "a server of our own makes its own users",
    });
  }
  return await openOwnServer(env, place, request.tls);
}

async function openOwnServer(
  env: Env,
  { folder, run, host }: Place,
  tls: string | undefined,
): Promise<RunServer> {
  const files = tls === undefined
    ? {}
    : { tls: certificatesIn((await authorityIn(env, tls)).folder) };
  const word = { user: "route", password: env.randomBytes(24).toHex() };
  const users = newUsers(env, run);
  const server = await startNatsServer({
    env,
    folder,
    run,
    users,
    ...files,
    ...(host === undefined
      ? {}
      : { host, cluster: { host, port: -1, routes: [], ...word } }),
  });
  const { clusterAddress: route } = server;
  return {
    ...(route === undefined
      ? {}
      : { servers: { users, route, ...word, ...files } }),
    url: server.url,
    address: new URL(server.url).host,
    credentialsFile: server.credentialsFile,
    coordinator: server.coordinator,
    system: server.system,
    log: server.log,
    ended: () => server.ended,
    restart: () => server.restart(),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await removeFiles(env, folder);
    },
  };
}

async function removeFiles(env: Env, folder: string): Promise<void> {
  await env.disk.remove(folder).catch(() => {
    // The disk can only be read by now; the run's own writes say so.
  });
}

/**
 * The address of a server, as an option gives it.
 *
 * @throws {ConfigError} If it is none.
 */
export function serverAddress(option: string, url: string): URL {
  const parsed = URL.parse(url);
  if (parsed !== null && /^(nats|tls):$/.test(parsed.protocol)) return parsed;
  throw new ConfigError(`Cannot use ${option} ${url}: it is no address`, {
    hint: "an address looks like nats://host:4222",
  });
}

/** The nkeys come from files and passwords from the environment: arguments are visible to others. */
async function openForeignServer(
  env: Env,
  { folder, run }: Place,
  url: string,
  { creds, systemCreds, tls }: ServerRequest,
): Promise<RunServer> {
  const parsed = serverAddress("--nats", url);
  if (parsed.username !== "" || parsed.password !== "") {
    throw new ConfigError("Cannot take a password from --nats", {
      hint:
        "set NATS_USER and NATS_PASSWORD, or use --nats-creds: arguments are visible to others",
    });
  }
  const port = parsed.port === "" ? "4222" : parsed.port;
  const authority = tls === undefined
    ? {}
    : { ca: (await authorityIn(env, tls)).ca };
  const credentials = (role: string, identity: Identity): Credentials => ({
    url,
    run,
    ...identity,
    inbox: `_INBOX.${run}.${role}`,
    ...authority,
  });
  const user = await identityFrom(creds, "NATS");
  const system = await identityFrom(systemCreds, "NATS_SYSTEM");
  await env.disk.makeFolder(folder);
  const credentialsFile = `${folder}/rank.json`;
  await env.disk.remove(credentialsFile);
  await Deno.writeTextFile(
    credentialsFile,
    JSON.stringify(credentials("rank", user)),
    { mode: 0o600, createNew: true },
  );
  return {
    url,
    address: `${parsed.hostname}:${port}`,
    credentialsFile,
    coordinator: credentials("coordinator", user),
    system: system.user === "" && system.seed === undefined
      ? undefined
      : credentials("system", system),
    log: undefined,
    ended: () => Promise.withResolvers<number>().promise,
    restart: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => removeFiles(env, folder),
  };
}

async function identityFrom(
  file: string | undefined,
  variable: string,
): Promise<Identity> {
  if (file !== undefined) return await readIdentity(file);
  return {
    user: Deno.env.get(`${variable}_USER`) ?? "",
    password: Deno.env.get(`${variable}_PASSWORD`) ?? "",
  };
}

/** The authority in a folder of certificates, and the folder's full path. */
async function authorityIn(
  env: Env,
  folder: string,
): Promise<{ ca: string; folder: string }> {
  const { ca } = certificatesIn(folder);
  if (await env.disk.stat(ca) === undefined) {
    throw new ConfigError(`Cannot use --tls ${folder}: there is no ${ca}`, {
      hint: "deno task ca makes certificates",
    });
  }
  return {
    ca: await env.disk.readText(ca),
    folder: await Deno.realPath(folder),
  };
}
