export default async function tearDown(): Promise<void> {
  await (globalThis as unknown as { stopTestServer: () => Promise<void> }).stopTestServer();
}
