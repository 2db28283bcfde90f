export declare const root: string
export declare const nodeMajor: number
export declare class SetupError extends Error {}
export declare function say(text: string): void
export declare function ensurePackages(): Promise<string>
export declare function ensureBuilt(name: 'renderer' | 'electron', node: string): Promise<void>
export declare function fingerprint(paths: string[]): string
export declare function run(command: string, args: string[], holdFor?: (pid: number) => void, options?: object): Promise<number>
export declare function step(what: string, work: () => Promise<void>): Promise<void>
