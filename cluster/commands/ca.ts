import { realEnv } from "../../src/env/mod.ts";
import { Console } from "../console.ts";
import { makeCertificates } from "../launch/mod.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: ca [--hosts NAME,…] [--out DIR]

Makes an authority of your own and a certificate for the NATS servers of a run,
so that ranks on several machines talk through TLS. Needs openssl.

  --hosts NAME,…   names and addresses of the machines with servers
                   (localhost and 127.0.0.1 are always among them)
  --out DIR        where to put them (default: certificates)

ca.pem            the authority: what clients need, no secret
ca-key.pem        its key: needed to make further certificates, keep it to yourself
server.pem        certificate of the servers
server-key.pem    its key

An authority that is there is used again. Certificates are good for a year.

Examples:
  deno task ca --hosts n1,n2,10.0.0.7
  deno task train --tls certificates`;

/** Makes the certificates of a cluster. */
export async function ca(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "ca",
    string: ["hosts", "out"],
    boolean: ["help"],
    positional: 0,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const folder = options.string("out") ?? "certificates";
  const hosts = (options.string("hosts") ?? "").split(",")
    .map((host) => host.trim()).filter((host) => host !== "");
  const files = await makeCertificates({ env: realEnv, folder, hosts });
  terminal.result(`authority    ${files.ca}`);
  terminal.result(`certificate  ${files.certificate}`);
  return 0;
}
