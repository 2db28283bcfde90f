/** Whether a run that failed so fails so again: the same seed diverges at the same step. @param message of its error, as the engines word it */
export const isDivergence = (message: string): boolean => /^step \d+: expected a finite [^,]+, got NaN or infinity|the model's weights have diverged/.test(message)
