/**
 * What compiled templates call instead of Vue itself (`runtimeModuleName` in vite.config.ts): every text and tooltip of
 * every view shows the characters that turn the direction of text, without each view having to remember it. Text made
 * by hand (`h()`) and tooltips given to components call `withTurnsShown` themselves.
 */
import { createElementBlock as elementBlock, createElementVNode as elementNode, toDisplayString as displayString } from 'vue'
import { holdsTurns, withTurnsShown } from './components/message-parts.ts'

export * from 'vue'

export const toDisplayString: typeof displayString = (value) => withTurnsShown(displayString(value))
// Called for every element of every view: arguments are handed on one by one.
export const createElementVNode: typeof elementNode = (type, props, children, patchFlag, dynamicProps, shapeFlag, isBlock, normalizes) => elementNode(type, shown(props), children, patchFlag, dynamicProps, shapeFlag, isBlock, normalizes)
export const createElementBlock: typeof elementBlock = (type, props, children, patchFlag, dynamicProps, shapeFlag) => elementBlock(type, shown(props), children, patchFlag, dynamicProps, shapeFlag)

function shown<Props>(props: Props): Props {
  if (props === null || props === undefined) return props
  const { title } = props as { title?: unknown }
  if (typeof title !== 'string' || !holdsTurns(title)) return props
  return { ...props, title: withTurnsShown(title) }
}
