/** What each count of a rank's wire says, for one and for several. */
const WORDS: Readonly<Record<string, readonly [one: string, several: string]>> =
  {
    reconnects: ["reconnection", "reconnections"],
    resent: [
      "message sent again, as no receipt came in time",
      "messages sent again, as no receipt came in time",
    ],
    duplicate: ["message that came twice", "messages that came twice"],
    stale: ["message that came too late", "messages that came too late"],
    corrupt: ["damaged message", "damaged messages"],
    oversized: ["message that was too large", "messages that were too large"],
    foreign: ["message of a stranger", "messages of strangers"],
    refused: [
      "message that found no room at first",
      "messages that found no room at first",
    ],
  };

/**
 * What had to be made good between a rank and the others, such as `1 reconnection;
 * 2 damaged messages`.
 */
export function describeWire(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([name, count]) => {
    const [one = name, several = name] = WORDS[name] ?? [];
    return `${count} ${count === 1 ? one : several}`;
  }).join("; ");
}
