import { ConfigError, type Env } from "../../src/env/mod.ts";
import type { Credentials } from "../links/mod.ts";
import { certificatesIn } from "./certificates.ts";
import { startNatsServer } from "./nats_server.ts";

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
  /** Resolves with the exit code each time a server of our own ends. */
  ended(): Promise<number>;
  restart(): Promise<void>;
}

/** Starts a server of our own; its files lie in `folder` until the run ends. */
export async function openOwnServer(
  env: Env,
  { folder, run, tls }: {
    folder: string;
    run: string;
    /** Folder of certificates. */
    tls?: string | undefined;
  },
): Promise<RunServer> {
  const server = await startNatsServer({
    env,
    folder,
    run,
    ...(tls === undefined
      ? {}
      : { tls: certificatesIn((await authorityIn(env, tls)).folder) }),
  });
  return {
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
      await env.disk.remove(folder);
    },
  };
}

/**
 * Uses the server at `url`; user and password come from the environment, since
 * arguments can be read by everyone on the machine.
 */
export async function openForeignServer(
  env: Env,
  { url, folder, run, tls }: {
    url: string;
    folder: string;
    run: string;
    /** Folder with the `ca.pem` that signed the server's certificate. */
    tls?: string | undefined;
  },
): Promise<RunServer> {
  if (!URL.canParse(url) || !/^(nats|tls):$/.test(new URL(url).protocol)) {
    throw new ConfigError(`Cannot use --nats ${url}: it is no address`, {
      hint: "an address looks like nats://host:4222",
    });
  }
  const parsed = new URL(url);
  if (parsed.username !== "" || parsed.password !== "") {
    throw new ConfigError("Cannot take a password from --nats", {
      hint: "set NATS_USER and NATS_PASSWORD: arguments are visible to others",
    });
  }
  const port = parsed.port === "" ? "4222" : parsed.port;
  const address = `${parsed.hostname}:${port}`;
  const authority = tls === undefined
    ? {}
    : { ca: (await authorityIn(env, tls)).ca };
  const credentials = (role: string): Credentials => ({
    url,
    run,
    user: Deno.env.get("NATS_USER") ?? "",
    password: Deno.env.get("NATS_PASSWORD") ?? "",
    inbox: `_INBOX.${run}.${role}`,
    ...authority,
  });
  await env.disk.makeFolder(folder);
  const credentialsFile = `${folder}/rank.json`;
  await env.disk.remove(credentialsFile);
  await Deno.writeTextFile(
    credentialsFile,
    JSON.stringify(credentials("rank")),
    { mode: 0o600, createNew: true },
  );
  return {
    url,
    address,
    credentialsFile,
    coordinator: credentials("coordinator"),
    system: undefined,
    log: undefined,
    ended: () => Promise.withResolvers<number>().promise,
    restart: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => env.disk.remove(folder),
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
