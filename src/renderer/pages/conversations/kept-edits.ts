/** Texts of rows in quarantine on their way to being mended, by the row's key: closing the dialog loses none. */
export const keptEdits = new Map<string, string>()
