/**
 * Whether a hang-up takes this process's terminal away. Who has none goes on, as
 * `nohup` asks, whose word Deno overrides.
 */
export function hasTerminal(): boolean {
  return [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) =>
    stream.isTerminal()
  );
}
