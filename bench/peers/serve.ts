import { cpuUsage } from "node:process";
import { TextLineStream } from "../../src/std/streams_text_line_stream.ts";

/** What a request asks for; the reply is one line of JSON. */
export type Handler = (
  request: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

/**
 * Answers requests on stdin, one line of JSON each, until stdin ends. A peer is
 * a process of its own, so that its memory, its device and its failure are its own.
 */
export async function serve(handlers: Record<string, Handler>): Promise<void> {
  const lines = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const request = JSON.parse(line) as Record<string, unknown>;
    const handler = handlers[String(request.do)];
    let reply: Record<string, unknown>;
    try {
      if (handler === undefined) throw new Error(`no request ${request.do}`);
      reply = await handler(request);
    } catch (error) {
      reply = { error: error instanceof Error ? error.message : String(error) };
    }
    // Packages print to stdout too; the mark tells replies from that.
    Deno.stdout.writeSync(
      new TextEncoder().encode(`@reply ${JSON.stringify(reply)}\n`),
    );
  }
}

/** Wall and CPU milliseconds of some work. */
export async function timed(
  work: () => Promise<unknown>,
): Promise<{ ms: number; cpuMs: number }> {
  const cpu = cpuUsage();
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const { user, system } = cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}
