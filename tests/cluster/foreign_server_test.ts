import { nkeys } from "@nats-io/transport-node";
import { match, ok, rejects, strictEqual } from "node:assert";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { findNatsServer } from "../../cluster/launch/nats_binary.ts";
import { makeCertificates } from "../../cluster/launch/certificates.ts";
import {
  type NatsProcess,
  startNatsProcess,
} from "../../cluster/launch/nats_process.ts";
import {
  connectControl,
  type Credentials,
  readIdentity,
} from "../../cluster/links/mod.ts";
import { openNatsWorld } from "../helpers/nats_world.ts";
import { command, CommandProcess } from "./train_process.ts";

const PROGRAMS = "tests/cluster/launch_programs.ts";
const encoder = new TextEncoder();

/** A key, its public half, and a file with its seed. */
async function newKey(folder: string, name: string, jwt = "") {
  const key = nkeys.createUser();
  const seed = new TextDecoder().decode(key.getSeed());
  const file = `${folder}/${name}.nk`;
  await Deno.writeTextFile(file, `${jwt}${seed}\n`, { mode: 0o600 });
  return { key, file, seed, id: key.getPublicKey() };
}

/** Runs a server as an administrator has set it up. */
async function withServer(
  folder: string,
  rest: string,
  test: (server: NatsProcess) => Promise<void>,
): Promise<void> {
  const config = `${folder}/nats.conf`;
  const text = `listen: "127.0.0.1:-1"\nmax_payload: 8MB\n${rest}`;
  await Deno.writeTextFile(config, text);
  const binary = await findNatsServer();
  const server = await startNatsProcess({
    env: realEnv,
    binary,
    config,
    folder,
  });
  try {
    await test(server);
  } finally {
    await server.stop();
  }
}

async function withFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-foreign-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const ALLOWED = `["run.*.>", "_INBOX.>"]`;

Deno.test("launch uses a server that is there as the owner of an nkey, and tells of strangers that its system account sees", async () => {
  await withFolder(async (folder) => {
    const user = await newKey(folder, "user");
    const system = await newKey(folder, "system");
    const stranger = await newKey(folder, "stranger");
    const accounts = `accounts {
      RUN { users: [ { nkey: ${user.id}, permissions: {
        publish: ${ALLOWED}, subscribe: ${ALLOWED} } } ] }
      SYS { users: [ { nkey: ${system.id} } ] }
    }
    system_account: SYS\n`;
    await withServer(folder, accounts, async ({ url }) => {
      const launch = ["launch", "-n", "2", "--nats", url, "--nats-creds"];
      const waiting = new CommandProcess([
        ...launch,
        user.file,
        "--nats-system",
        system.file,
        PROGRAMS,
        "wait",
      ]);
      await waiting.see(/\[1\] waiting/);
      const credentials: Credentials = {
        url,
        run: "x",
        user: "eve",
        password: "guess",
        inbox: "_INBOX.x",
      };
      await rejects(connectControl(credentials, { name: "eve" }), /eve/);
      await waiting.see(
        /^warning: the NATS server refused 127\.0\.0\.1: .*User "eve"/,
      );
      waiting.signal("SIGINT");
      strictEqual((await waiting.end).code, 130);

      const pi = ["cluster/examples/pi.ts", "1000"];
      const blind = await command([...launch, user.file, ...pi]);
      strictEqual(blind.code, 0, blind.stderr);
      match(blind.stdout, /pi is about 3\.\d+/);
      match(blind.stderr, /does not show us whom it refuses/);
      const refused = await command([...launch, stranger.file, ...pi]);
      strictEqual(refused.code, 3, refused.stderr);
      match(
        refused.stderr,
        /as the owner of an nkey: Authorization Violation/i,
      );
      ok(!refused.stderr.includes(stranger.seed));
    });
  });
});

Deno.test("control and bulk data reach a server with an operator by JWT and nkey", async () => {
  await withFolder(async (folder) => {
    const operator = nkeys.createOperator();
    const account = nkeys.createAccount();
    const { key, seed } = await newKey(folder, "bare");
    const unlimited = { subs: -1, data: -1, payload: -1 };
    const accountJwt = signed(operator, account.getPublicKey(), {
      type: "account",
      limits: { ...unlimited, imports: -1, exports: -1, conn: -1, leaf: -1 },
    });
    const allow = JSON.parse(ALLOWED);
    const userJwt = signed(account, key.getPublicKey(), {
      ...unlimited,
      type: "user",
      pub: { allow },
      sub: { allow },
    });
    const file = `${folder}/user.creds`;
    await Deno.writeTextFile(
      file,
      `-----BEGIN NATS USER JWT-----\n${userJwt}\n------END NATS USER JWT------\n
-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`,
      { mode: 0o600 },
    );
    const config = `operator: ${
      signed(operator, operator.getPublicKey(), { type: "operator" })
    }
resolver: MEMORY
resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }\n`;
    await withServer(folder, config, async ({ url }) => {
      const credentials: Credentials = {
        url,
        run: "jwt",
        inbox: "_INBOX.jwt",
        ...await readIdentity(file),
      };
      await using control = await connectControl(credentials, { name: "one" });
      await control.flush();
      const world = await openNatsWorld([credentials, credentials]);
      const buffers = world.ranks.map((rank) => rank.allocate(1000).fill(1));
      await Promise.all(
        world.ranks.map((rank, r) => rank.allReduce(buffers[r]!)),
      );
      for (const buffer of buffers) ok(buffer.every((value) => value === 2));
      await world.close();
      const { jwt: _, ...bare } = credentials;
      await rejects(connectControl(bare, { name: "two" }), /nkey/);
    });
  });
});

function signed(
  signer: nkeys.KeyPair,
  sub: string,
  nats: Record<string, unknown>,
): string {
  const part = (value: unknown) =>
    encoder.encode(JSON.stringify(value)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    });
  const body = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${
    part({
      jti: "test",
      iat: 1_700_000_000,
      iss: signer.getPublicKey(),
      name: "test",
      sub,
      nats: { version: 2, ...nats },
    })
  }`;
  const signature = signer.sign(encoder.encode(body));
  return `${body}.${
    signature.toBase64({ alphabet: "base64url", omitPadding: true })
  }`;
}

Deno.test("readIdentity() refuses a file that others may read or that holds no seed", async () => {
  await withFolder(async (folder) => {
    const { file } = await newKey(folder, "user");
    await Deno.chmod(file, 0o644);
    await rejects(readIdentity(file), (error) => {
      ok(error instanceof ConfigError);
      strictEqual(error.hint, `chmod 600 ${file}`);
      return true;
    });
    const empty = `${folder}/empty`;
    await Deno.writeTextFile(empty, "nothing", { mode: 0o600 });
    await rejects(readIdentity(empty), /holds no seed/);
    await rejects(readIdentity(`${folder}/absent`), ConfigError);
  });
});

Deno.test("launch encrypts with the certificates of a folder, and refuses credentials for a server of its own", async () => {
  await withFolder(async (folder) => {
    await makeCertificates({
      env: realEnv,
      folder: `${folder}/tls`,
      hosts: [],
    });
    const pi = ["cluster/examples/pi.ts", "1000"];
    const encrypted = await command(
      ["launch", "-n", "2", "--tls", `${folder}/tls`, ...pi],
    );
    strictEqual(encrypted.code, 0, encrypted.stderr);
    match(encrypted.stdout, /pi is about 3\.\d+/);
    const odd = await command(
      ["launch", "-n", "2", "--nats-creds", `${folder}/x`, ...pi],
    );
    strictEqual(odd.code, 2);
    match(odd.stderr, /without --nats/);
  });
});
