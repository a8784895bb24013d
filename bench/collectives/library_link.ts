import { connect } from "@nats-io/transport-node";
import type {
  Credentials,
  Link,
  LinkReceiver,
} from "../../cluster/links/mod.ts";

const USEFUL_FRAME = 1024 * 1024;

/**
 * The plain client library as a link, for comparison: our ring and channels over
 * `publish` and a subscription, with its best segment size.
 */
export async function openLibraryLink(
  credentials: Credentials,
  { rank, size, subject }: {
    rank: number;
    size: number;
    subject: (rank: number) => string;
  },
): Promise<Link> {
  const { url, user, password } = credentials;
  const library = await connect({
    servers: url,
    user,
    pass: password,
    noEcho: true,
    inboxPrefix: credentials.inbox,
  });
  let receiver: LinkReceiver | undefined;
  library.subscribe(subject(rank), {
    callback: (_error, { data }) => {
      // Elements must lie at multiples of their size.
      const aligned = data.byteOffset % 8 === 0 ? data : new Uint8Array(data);
      receiver?.onFrame(aligned);
    },
  });
  await library.flush();
  return {
    rank,
    size,
    lanes: 1,
    maxFrame: USEFUL_FRAME + 4096,
    counts: { oversized: 0, reconnects: 0 },
    usefulFrame: USEFUL_FRAME,
    listen: (to) => {
      receiver = to;
    },
    send(to, _lane, head, body) {
      const frame = new Uint8Array(head.length + body.length);
      frame.set(head);
      frame.set(body, head.length);
      library.publish(subject(to), frame);
    },
    close: () => library.close(),
  };
}
