import { EnvironmentError } from "../../src/env/mod.ts";

/** How to reach the NATS server of a run, and as whom. */
export interface Credentials {
  url: string;
  /** Id of the run: the subjects begin with `run.<id>.`. */
  run: string;
  user: string;
  password: string;
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
  const { url, run, user, password, inbox, ca } = record;
  return { url, run, user, password, inbox, ...(ca ? { ca } : {}) };
}
