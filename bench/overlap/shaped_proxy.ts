/** A machine's way to a server, of limited speed in each direction. */
export interface ShapedProxy extends Disposable {
  readonly port: number;
  /** Bytes per second of all connections together, each direction. */
  rate: number;
}

/** Data that may be on its way, in seconds at the rate: the rest waits at the sender. */
const BUFFER_SECONDS = 0.02;

/** Starts a proxy on a free loopback port; it delays, and computes next to nothing. */
export function startShapedProxy(port: number): ShapedProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  const up = new Shaper();
  const down = new Shaper();
  const serve = async () => {
    for await (const near of listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      far.setNoDelay();
      near.setNoDelay();
      open.add(near).add(far);
      forward(near, far, up);
      forward(far, near, down);
    }
  };
  serve().catch(() => {
    // Closed.
  });
  return {
    port: listener.addr.port,
    get rate() {
      return up.rate;
    },
    set rate(rate: number) {
      up.rate = down.rate = rate;
    },
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

/** Bytes leave one after the other, at a rate. */
class Shaper {
  rate = Infinity;
  /** When all that came so far has left, ms. */
  #free = 0;

  /** Resolves when these bytes have left. */
  async pass(bytes: number): Promise<void> {
    const now = performance.now();
    this.#free = Math.max(now - 1000 * BUFFER_SECONDS, this.#free) +
      1000 * bytes / this.rate;
    const wait = this.#free - now;
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function forward(
  from: Deno.Conn,
  to: Deno.Conn,
  shaper: Shaper,
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (
      let count = await from.read(buffer);
      count !== null;
      count = await from.read(buffer)
    ) {
      await shaper.pass(count);
      let at = 0;
      while (at < count) at += await to.write(buffer.subarray(at, count));
    }
    await to.closeWrite();
  } catch {
    // One side is closed: the other one notices.
  }
}
