import { ConfigError, type Env, EnvironmentError } from "../../src/env/mod.ts";
import { connectControl, type Credentials } from "../links/mod.ts";
import {
  accept,
  heartbeat,
  placeAnswer,
  placeRequest,
  REPORT_RETRY_MS,
  subjectsOf,
} from "../protocol.ts";
import { writeShared } from "./meeting.ts";
import { ownAddress } from "./node_server.ts";
import { Places } from "./places.ts";
import type { StartAbout, Starter } from "./starter.ts";

/** What a worker's token holds: how to reach a run, and where its folder is. */
interface Token extends Credentials {
  runFolder: string;
}

/**
 * Starts no ranks: workers join with a token, in any order, until all places are
 * taken. `onReady` learns where the token is.
 */
export function waitingStarter(
  { host = ownAddress(), own, onReady }: {
    host?: string | undefined;
    /** The server is one of ours, which must then be reachable. */
    own: boolean;
    onReady(about: { url: string; tokenFile: string; size: number }): void;
  },
): Starter {
  let places: Places | undefined;
  return {
    about: "that join with the token",
    waits: true,
    host: own ? host : undefined,
    onRecord(record) {
      if (record.event === "joined") places?.join(record.rank);
      if (record.event === "awaited") places?.leave(record.failure.rank!);
    },
    async start(about) {
      const { server, runFolder, size } = about;
      places = new Places(size);
      givePlaces(places, about);
      const token: Token = {
        ...JSON.parse(await Deno.readTextFile(server.credentialsFile)),
        runFolder: await Deno.realPath(runFolder),
      };
      const tokenFile = `${runFolder}/nats/token.json`;
      await writeShared(tokenFile, token);
      onReady({ url: server.url, tokenFile, size });
      return [];
    },
  };
}

/** Asking again is free; who gets no answer asks again. */
function givePlaces(
  places: Places,
  { env, control, subjects, size }: StartAbout,
): void {
  control.subscribe(subjects.heartbeat, (message) => {
    const beat = accept(heartbeat, message);
    if (beat !== undefined) places.beat(beat.rank, env.clock.now());
  });
  control.respond(subjects.place, (message) => {
    const request = accept(placeRequest, message);
    if (request === undefined) return undefined;
    const place = places.ask(request, env.clock.now());
    if (place === "wait") return undefined;
    return place === "full" ? { size } : { ...place, size };
  });
}

/** A worker's place, and all that a rank needs to begin. */
export interface WorkerPlace {
  rank: number;
  /** Among the workers of its machine. */
  localRank: number;
  size: number;
  runFolder: string;
}

/**
 * Asks the coordinator of a token's run for a place.
 *
 * @throws {EnvironmentError} If the token cannot be read, the run folder is not
 * there, or nobody answers.
 * @throws {ConfigError} If all places are taken.
 */
export async function takePlace(
  env: Env,
  { tokenFile, join, host, timeoutMs, ...own }: {
    tokenFile: string;
    /** Where the run folder is on this machine; left out, as the token says. */
    runFolder?: string;
    /** Address of the server. */
    join: string;
    host: string;
    timeoutMs: number;
  },
): Promise<WorkerPlace> {
  const { runFolder: theirs, ...credentials } = await readToken(tokenFile);
  const { runFolder = theirs } = own;
  if (await env.disk.stat(`${runFolder}/config.json`) === undefined) {
    throw new EnvironmentError(
      `Cannot join the run: this machine does not see its folder ${runFolder}`,
      { hint: "it must lie on a shared disk; --run-dir DIR says where here" },
    );
  }
  await using control = await connectControl(
    { ...credentials, url: join },
    { name: `worker-${host}` },
  );
  const request = { host, id: env.randomBytes(8).toHex() };
  const { place } = subjectsOf(credentials.run);
  const since = env.clock.now();
  while (env.clock.now() - since < timeoutMs) {
    const reply = await control.request(place, request, REPORT_RETRY_MS)
      .catch(() => undefined);
    const answer = accept(placeAnswer, reply);
    if (answer !== undefined) {
      const { rank, localRank = 0, size } = answer;
      if (rank !== undefined) return { rank, localRank, size, runFolder };
      throw new ConfigError(
        `Cannot join the run: all ${size} places are taken`,
        {
          hint:
            "the place of a rank that was lost is free again when the run is resumed",
        },
      );
    }
    await env.timers.sleep(REPORT_RETRY_MS / 4);
  }
  throw new EnvironmentError(
    `Cannot join the run at ${join}: no coordinator answered for ${
      timeoutMs / 1000
    } s`,
    { hint: "a token is good for one life of its run: is that one over?" },
  );
}

async function readToken(path: string): Promise<Token> {
  try {
    const token = JSON.parse(await Deno.readTextFile(path));
    if (typeof token?.runFolder !== "string" || typeof token.run !== "string") {
      throw new SyntaxError();
    }
    return token;
  } catch (cause) {
    const reason = cause instanceof SyntaxError
      ? "it is no token"
      : (cause as Error).message;
    throw new EnvironmentError(
      `Cannot read the token ${path}: ${reason}`,
      { cause, hint: "train --launcher join writes it and names the file" },
    );
  }
}
