export declare function whyForbidden(file: string, specifier: string): string | null
export declare const importDirections: object
