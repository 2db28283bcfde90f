/** All formats, in the order in which they are asked; the more particular come first. */
import { csv } from './columns.ts'
import { driftRows } from './drift-rows.ts'
import type { ImportFormat, Row } from './format.ts'
import { trlUnpaired } from './judged-replies.ts'
import { langfuse } from './langfuse.ts'
import { lmsys } from './lmsys.ts'
import { oasst } from './oasst.ts'
import { openai } from './openai.ts'
import { spin, trlPreference, wildfeedback } from './preference.ts'
import { trlPrompts } from './prompts.ts'
import { sharegpt } from './sharegpt.ts'
import { ultrafeedback } from './ultrafeedback.ts'
import { wildchat } from './wildchat.ts'
import { wildfeedbackAnnotations } from './wildfeedback-annotations.ts'

export const importFormats: readonly ImportFormat[] = [
  driftRows, wildfeedback, trlPreference, spin, trlUnpaired, ultrafeedback, oasst, openai, sharegpt, lmsys, wildchat, wildfeedbackAnnotations, langfuse, csv, trlPrompts,
]

export function detectFormat(row: Row): ImportFormat | undefined {
  return importFormats.find((format) => format.recognizes(row))
}
