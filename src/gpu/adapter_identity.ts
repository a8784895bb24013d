/** Equal for adapters of the same kind, driver and limits. */
export function identityOf({ info, features, limits }: GPUAdapter): string {
  const { vendor, architecture, device, description } = info;
  // Limits are getters of the prototype.
  const sizes: Record<string, unknown> = {};
  for (const name in limits) {
    sizes[name] = limits[name as keyof GPUSupportedLimits];
  }
  return JSON.stringify([
    vendor,
    architecture,
    device,
    description,
    [...features].sort(),
    sizes,
  ]);
}
