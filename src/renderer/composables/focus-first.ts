/**
 * For a dialog's `open-auto-focus`: the first field instead of the close button, which would show its tooltip;
 * the dialog itself where there is no field.
 */
export function focusFirstField(event: Event): void {
  event.preventDefault()
  if (!(event.target instanceof HTMLElement)) return
  const field = event.target.querySelector<HTMLElement>('input:not([type="hidden"]), textarea, [role="combobox"]')
  ;(field ?? event.target).focus()
}
