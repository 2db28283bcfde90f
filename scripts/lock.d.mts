export declare function withLock<T>(folder: string, options: { onWait?: (pid: number) => void }, work: (holdFor: (pid: number) => void) => Promise<T>): Promise<T>
