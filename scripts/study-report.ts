export function writeStudyReport(_output: string): void {}
