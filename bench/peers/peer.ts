import { fileURLToPath } from "node:url";
import { TextLineStream } from "../../src/std/streams_text_line_stream.ts";
import { SignetError } from "../../src/env/mod.ts";
import { realEnv } from "../../src/env/mod.ts";

/** A peer is not installed, does not start, or is too slow to compare. */
export class PeerMissingError extends SignetError {
  override name = "PeerMissingError";
}

export const PEERS = ["jax-js", "tfjs", "torch-cpu"] as const;
/** Programs of message passing, beside our collectives. */
export const MESSAGE_PEERS = ["openmpi-tcp", "openmpi-shm", "gloo"] as const;
export type PeerName = typeof PEERS[number] | typeof MESSAGE_PEERS[number];

/** Peers on the same adapter; the others are context. */
export const WEBGPU_PEERS: readonly PeerName[] = ["jax-js", "tfjs"];

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const START_SECONDS = 60;

function commandOf(name: PeerName): [string, string[]] {
  if (name === "torch-cpu") {
    return ["/usr/bin/python3", [`${FOLDER}torch_cpu.py`]];
  }
  const file = name === "jax-js" ? "jax_js.ts" : "tfjs.ts";
  return [Deno.execPath(), [
    "run",
    "--quiet",
    "--no-check",
    "--cached-only",
    "--no-lock",
    "--allow-all",
    `--config=${FOLDER}../deno.json`,
    `${FOLDER}${file}`,
  ]];
}

/** Another implementation as a process that answers one request at a time. */
export class Peer {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies: ReadableStreamDefaultReader<string>;
  /** Last lines of its error output, for the reason of a failure. */
  readonly #errors: string[] = [];
  readonly #reading: Promise<void>;
  #about: Record<string, unknown> = {};

  private constructor(name: string, child: Deno.ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#replies = lines(child.stdout).getReader();
    this.#reading = this.#readErrors();
  }

  /** @throws {PeerMissingError} If it does not answer. */
  static async start(
    name: string,
    [command, args]: readonly [string, readonly string[]] = commandOf(
      name as PeerName,
    ),
  ): Promise<Peer> {
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(command, {
        args: [...args],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
        // Threads that wait must not take the cores from whoever is measured.
        env: { OMP_WAIT_POLICY: "passive", NO_COLOR: "1" },
      }).spawn();
    } catch (error) {
      throw new PeerMissingError(
        `Cannot start ${name}: ${
          error instanceof Error ? error.message : error
        }`,
        { hint: "sh bench/setup.sh installs the peers", exitCode: 3 },
      );
    }
    const peer = new Peer(name, child);
    peer.#about = await peer.request({ do: "about" }, START_SECONDS);
    return peer;
  }

  /** Its version and the like. */
  get about(): Record<string, unknown> {
    return this.#about;
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @throws {PeerMissingError} If it ends, fails, or takes longer than `seconds`;
   * the process is ended then.
   */
  async request(
    request: Record<string, unknown>,
    seconds: number,
  ): Promise<Record<string, unknown>> {
    let late = false;
    const cancel = realEnv.timers.after(seconds * 1000, () => {
      late = true;
      this.#kill();
    });
    try {
      await this.#writer.write(
        new TextEncoder().encode(`${JSON.stringify(request)}\n`),
      );
      while (true) {
        const { done, value } = await this.#replies.read();
        if (done) break;
        if (!value.startsWith("@reply ")) continue;
        const reply = JSON.parse(value.slice(7)) as Record<string, unknown>;
        if (reply.error === undefined) return reply;
        this.#kill();
        throw this.#missing(String(reply.error));
      }
    } catch (error) {
      if (error instanceof PeerMissingError) throw error;
      // A pipe that breaks: the reason is in its error output.
    } finally {
      cancel();
    }
    await this.#reading;
    if (late) {
      throw this.#missing(
        `it took longer than ${seconds} s`,
        "give it fewer images with --peer-batch, or try on a quieter machine",
      );
    }
    throw this.#missing(
      this.#reason() ??
        `it ended with code ${(await this.#child.status).code}`,
    );
  }

  /** Lets the process end by itself. */
  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#replies.cancel().catch(() => {});
    // Some packages keep timers that would hold the process.
    this.#kill();
    await this.#child.status;
    await this.#reading;
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }

  #missing(
    reason: string,
    hint = "sh bench/setup.sh installs the peers",
  ): PeerMissingError {
    return new PeerMissingError(`Cannot compare with ${this.name}: ${reason}`, {
      hint,
      exitCode: 3,
    });
  }

  /** The line that names an error, without stack traces and warnings. */
  #reason(): string | undefined {
    const error = this.#errors.findLast((line) =>
      /^(error|\w*Error)\b/.test(line) && !line.includes("XDG_RUNTIME_DIR")
    );
    return (error ?? this.#errors.at(-1))?.replace(/^error: /, "");
  }

  async #readErrors(): Promise<void> {
    for await (const line of lines(this.#child.stderr)) {
      if (line.trim() === "") continue;
      this.#errors.push(line.trim());
      if (this.#errors.length > 50) this.#errors.shift();
    }
  }
}

function lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  return stream.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
}
