// Prints the name of the adapter that training would use, or nothing.
const adapter = await navigator.gpu?.requestAdapter({
  powerPreference: "high-performance",
});
if (adapter) {
  const { description, device, vendor } = adapter.info;
  Deno.stdout.writeSync(
    new TextEncoder().encode(`${description || device || vendor}\n`),
  );
}
