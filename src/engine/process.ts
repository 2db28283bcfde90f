/** Whether a process of this machine runs (or waits to be reaped): one of another user does, though it may not be asked. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
