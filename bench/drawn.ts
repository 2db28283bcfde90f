/** Scripts for a page that tell when something stands on the screen. */

/** Runs once this frame's style, layout and paint are over: a message posted in the frame's callback arrives behind them. */
export const afterThisFrame = (act: string): string => `{
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => ${act}
  port2.postMessage(null)
}`

/** Defines `globalThis.NAME()`: ms from the next click to the end of the frame in which `isDrawn` holds. */
export const drawnAfterClick = (name: string, isDrawn: string): string => `
  globalThis.${name} = () => new Promise((resolve) => addEventListener('click', ({ timeStamp }) => {
    const look = () => {
      if (!(${isDrawn})) return requestAnimationFrame(look)
      ${afterThisFrame('resolve(performance.now() - timeStamp)')}
    }
    requestAnimationFrame(look)
  }, { capture: true, once: true }))`
