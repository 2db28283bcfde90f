export async function requireWebGpu(): Promise<void> {}
