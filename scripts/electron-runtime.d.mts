export declare function electronBinary(): string | null
export declare function whyNoDisplay(env?: Record<string, string | undefined>): string | null
export declare function ensureElectron(node: string): Promise<string | null>
