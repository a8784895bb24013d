import { ConfigError, type Env, EnvironmentError } from "../../src/env/mod.ts";
import type { ServerTls } from "./nats_config.ts";

/** Days that certificates are good for. */
const DAYS = 365;
const CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/** Names and addresses of this machine itself, part of every certificate. */
const LOOPBACK = ["localhost", "127.0.0.1"];

export interface CertificateOptions {
  env: Env;
  /** Made if absent, for its owner only. */
  folder: string;
  /** Host names and addresses that clients will connect to. */
  hosts: readonly string[];
  /** By default the one on the PATH. */
  openssl?: string;
}

/** The files in a folder of {@linkcode makeCertificates}. */
export function certificatesIn(folder: string): ServerTls {
  return {
    ca: `${folder}/ca.pem`,
    certificate: `${folder}/server.pem`,
    key: `${folder}/server-key.pem`,
  };
}

/**
 * Makes an authority and a server certificate that it signed. An authority that
 * is there stays, so that clients that trust it trust the new certificate too.
 *
 * @throws {EnvironmentError} If there is no openssl, or it fails.
 */
export async function makeCertificates(
  options: CertificateOptions,
): Promise<ServerTls> {
  const { env, folder, openssl = "openssl" } = options;
  const hosts = [...new Set([...LOOPBACK, ...options.hosts])];
  for (const host of hosts) {
    if (!/^[A-Za-z0-9._:-]{1,253}$/.test(host)) {
      throw new ConfigError(`Cannot certify "${host}": it is no host`, {
        hint: "hosts look like n1,n2.cluster,10.0.0.7",
      });
    }
  }
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const files = certificatesIn(folder);
  const caKey = `${folder}/ca-key.pem`;
  const run = (...args: string[]) => call(openssl, args);
  const valid = ["-days", String(DAYS), "-sha256"];
  const known = await env.disk.stat(caKey) && await env.disk.stat(files.ca);
  if (!known) {
    await secretly(caKey);
    // deno-fmt-ignore
    await run("req", "-x509", "-nodes", ...CURVE, ...valid,
      "-subj", `/CN=Signet authority ${env.randomBytes(4).toHex()}`,
      "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
      "-addext", "keyUsage=critical,keyCertSign,cRLSign",
      "-keyout", caKey, "-out", files.ca);
  }
  const request = `${folder}/request.tmp`;
  const extensions = `${folder}/extensions.tmp`;
  await Deno.writeTextFile(
    extensions,
    `basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectAltName = ${hosts.map(alternative).join(",")}
`,
  );
  await secretly(files.key);
  // deno-fmt-ignore
  await run("req", "-new", "-nodes", ...CURVE,
    "-subj", "/CN=Signet NATS server", "-keyout", files.key, "-out", request);
  // deno-fmt-ignore
  await run("x509", "-req", ...valid, "-in", request, "-extfile", extensions,
    "-CA", files.ca, "-CAkey", caKey,
    "-set_serial", `0x${env.randomBytes(15).toHex()}`,
    "-out", files.certificate);
  await Promise.all([request, extensions].map((file) => Deno.remove(file)));
  return files;
}

/** An entry of the subject's alternative names: clients check addresses as such. */
function alternative(host: string): string {
  const isAddress = /^[\d.]+$/.test(host) || host.includes(":");
  return `${isAddress ? "IP" : "DNS"}:${host}`;
}

/** An empty file that only its owner may read, to be filled by another process. */
async function secretly(path: string): Promise<void> {
  await Deno.remove(path).catch(() => {});
  await Deno.writeTextFile(path, "", { mode: 0o600, createNew: true });
}

async function call(openssl: string, args: readonly string[]): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(openssl, {
      args: [...args],
      stdin: "null",
    }).output();
  } catch (cause) {
    throw new EnvironmentError(
      `Cannot make certificates: ${openssl} does not run`,
      { cause, hint: "apt-get install -y openssl" },
    );
  }
  if (output.success) return;
  const said = new TextDecoder().decode(output.stderr).trim();
  throw new EnvironmentError(
    `Cannot make certificates: openssl ${args[0]}: ${
      said.split("\n").slice(0, 3).join(" | ")
    }`,
    { hint: "openssl 1.1.1 or newer is needed: apt-get install -y openssl" },
  );
}
