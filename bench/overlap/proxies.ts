/**
 * The ranks' ways to their server, as a process: one JSON request a line. It
 * delays what passes and computes next to nothing.
 */
import { TextLineStream } from "@std/streams/text-line-stream";
import { startShapedProxy } from "./shaped_proxy.ts";

type Request = { do: "about" } | { do: "rate"; rate: number | null };

const [server, count] = Deno.args.map(Number) as [number, number];
const proxies = Array.from({ length: count }, () => startShapedProxy(server));

function answer(request: Request): Record<string, unknown> {
  if (request.do === "about") {
    return { ports: proxies.map(({ port }) => port) };
  }
  // JSON has no infinity.
  for (const proxy of proxies) proxy.rate = request.rate ?? Infinity;
  return {};
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
  .pipeThrough(new TextLineStream());
for await (const line of lines) {
  // deno-lint-ignore no-console
  console.log(`@reply ${JSON.stringify(answer(JSON.parse(line)))}`);
}
