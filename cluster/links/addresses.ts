/** Of this machine alone, or of a link alone, which mean nothing without its name. */
const NOWHERE = /^(?:127\.|::1$|fe80:)/;

/** Whether the host of an address is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" ||
    hostname.startsWith("127.");
}

/** Addresses by which other machines may reach this one, those of IPv4 first. */
export function ownAddresses(): string[] {
  const found = Deno.networkInterfaces()
    .filter(({ address }) => !NOWHERE.test(address));
  return ["IPv4", "IPv6"].flatMap((family) =>
    found.filter((one) => one.family === family).map(({ address }) => address)
  );
}
