/**
 * What the interface's page may do, the same under both hosts: nothing from the network but its own host.
 * Styles may be inline because ECharts' tooltips and Vue's bindings are.
 */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Whether an address is one of a page, which are all the one document. A run's name may look like that of a file: lr-0.5. */
export const isPageAddress = (pathname: string): boolean => /^\/runs\/[^/]+$/.test(pathname) || !/\.[^./]*$/.test(pathname)
