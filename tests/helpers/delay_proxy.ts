/** A way to a TCP server that takes `delayMs` longer in each direction. */
export interface DelayProxy extends Disposable {
  readonly port: number;
}

/** Starts a proxy on a free loopback port. */
export function startDelayProxy(
  { port, delayMs }: { port: number; delayMs: number },
): DelayProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const serve = async () => {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      open.add(near).add(far);
      forward(near, far, delayMs);
      forward(far, near, delayMs);
    }
  };
  serve().catch(() => {
    // Closed.
  });
  return {
    port: listener.addr.port,
    [Symbol.dispose]() {
      listener.close();
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // The other side was faster.
        }
      }
    },
  };
}

/** Writes what comes, in order, each piece when its delay is over. */
async function forward(
  from: Deno.Conn,
  to: Deno.Conn,
  delayMs: number,
): Promise<void> {
  let written: Promise<unknown> = Promise.resolve();
  const wait = () => new Promise((resolve) => setTimeout(resolve, delayMs));
  try {
    for await (const piece of from.readable) {
      const due = wait();
      written = Promise.all([written, due])
        .then(() => writeAll(to, piece))
        .catch(() => from.close());
    }
    await written;
    await to.closeWrite();
  } catch {
    // One side is closed: the other one notices.
  }
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) at += await to.write(bytes.subarray(at));
}
