import type { Authenticator } from "@nats-io/transport-node";
import { ConfigError, EnvironmentError } from "../../src/env/mod.ts";

/** How to reach the NATS server of a run, and as whom. */
export interface Credentials {
  url: string;
  /** Id of the run: the subjects begin with `run.<id>.`. */
  run: string;
  /** Empty when an nkey tells who it is. */
  user: string;
  password: string;
  /** Seed of an nkey (`SU…`): signs the server's challenge, is never sent. */
  seed?: string;
  /** What an operator has signed about the nkey, for servers that ask for it. */
  jwt?: string;
  /** Prefix of the subjects on which this user receives replies. */
  inbox: string;
  /** PEM of the authority that signed the server's certificate, when it asks for TLS. */
  ca?: string;
}

const KEYS = ["url", "run", "user", "password", "inbox"] as const;

/** Reads a credentials file as {@linkcode startNatsServer} writes it. */
export async function readCredentials(path: string): Promise<Credentials> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw new EnvironmentError(
      `Cannot read NATS credentials from ${path}: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
  const record = Object(parsed);
  const wrong = KEYS.find((key) => typeof record[key] !== "string");
  if (wrong !== undefined) {
    throw new EnvironmentError(
      `Cannot use NATS credentials in ${path}: "${wrong}" is missing`,
    );
  }
  const { url, run, user, password, inbox, ca, seed, jwt } = record;
  return {
    url,
    run,
    user,
    password,
    inbox,
    ...(ca ? { ca } : {}),
    ...(seed ? { seed } : {}),
    ...(jwt ? { jwt } : {}),
  };
}

/** Who one is to a server that has users of its own. */
export type Identity = Pick<
  Credentials,
  "user" | "password" | "seed" | "jwt"
>;

const SEED = /^SU[A-Z2-7]{56}$/m;
const JWT = /^-+BEGIN NATS USER JWT-+\s+(\S+)\s+-+END NATS USER JWT-+$/m;

/**
 * Reads a file that names a user: a seed alone, as `nsc generate nkey` prints it,
 * or a `.creds` file with a JWT too.
 *
 * @throws {ConfigError} If it holds no seed, or others than its owner may read it.
 */
export async function readIdentity(path: string): Promise<Identity> {
  let text: string;
  let mode: number | null;
  try {
    text = await Deno.readTextFile(path);
    ({ mode } = await Deno.stat(path));
  } catch (cause) {
    throw new ConfigError(
      `Cannot read ${path}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
  if (((mode ?? 0) & 0o077) !== 0) {
    throw new ConfigError(`Cannot use ${path}: others may read it`, {
      hint: `chmod 600 ${path}`,
    });
  }
  const [seed] = SEED.exec(text) ?? [];
  if (seed === undefined) {
    throw new ConfigError(`Cannot use ${path}: it holds no seed of a user`, {
      hint: "a seed begins with SU; .creds files hold one too",
    });
  }
  const jwt = JWT.exec(text)?.[1];
  return { user: "", password: "", seed, ...(jwt ? { jwt } : {}) };
}

/** Answers a server's challenge, for both clients. */
export async function authenticatorOf(
  { user, password, seed, jwt }: Identity,
): Promise<Authenticator> {
  const nats = await import("@nats-io/transport-node");
  if (seed === undefined) {
    return nats.usernamePasswordAuthenticator(user, password);
  }
  const bytes = new TextEncoder().encode(seed);
  return jwt === undefined
    ? nats.nkeyAuthenticator(bytes)
    : nats.jwtAuthenticator(jwt, bytes);
}

/** Names the user in messages. */
function nameOf({ user, seed }: Identity): string {
  return seed === undefined ? user || "nobody" : "the owner of an nkey";
}

/** Why a server cannot be used, and what to do about it. */
export function unreached(
  credentials: Credentials,
  cause: unknown,
): EnvironmentError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EnvironmentError(
    `Cannot connect to NATS at ${credentials.url} as ${
      nameOf(credentials)
    }: ${reason}`,
    {
      cause,
      hint: /authorization|authentication/i.test(reason)
        ? "It knows others only: each life of a run has credentials, and a token, of its own"
        : "Is the nats-server of this run still alive, and reachable from here?",
    },
  );
}
