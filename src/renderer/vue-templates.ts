/**
 * What compiled templates call instead of Vue itself (`runtimeModuleName` in vite.config.ts): every text and tooltip of
 * every view shows the characters that turn the direction of text, without each view having to remember it. Text made
 * by hand (`h()`) and tooltips given to components call `withTurnsShown` themselves.
 */
import { createElementBlock as elementBlock, createElementVNode as elementNode, toDisplayString as displayString } from 'vue'
import { withTurnsShown } from './components/message-parts.ts'

export * from 'vue'

export const toDisplayString: typeof displayString = (value) => withTurnsShown(displayString(value))
export const createElementVNode: typeof elementNode = (type, props, ...rest) => elementNode(type, shown(props), ...rest)
export const createElementBlock: typeof elementBlock = (type, props, ...rest) => elementBlock(type, shown(props), ...rest)

function shown<Props>(props: Props): Props {
  const title = (props as { title?: unknown } | null | undefined)?.title
  if (typeof title !== 'string') return props
  const written = withTurnsShown(title)
  return written === title ? props : { ...props, title: written }
}
