/** Resolves when whoever holds the other end of standard input has gone. */
export async function endOfInput(): Promise<void> {
  const rest = new Uint8Array(256);
  while (await Deno.stdin.read(rest) !== null);
}
