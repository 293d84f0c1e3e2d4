import { writeFile } from 'node:fs/promises'
import { renderConfiguration } from './generate/configuration.ts'
import { renderErrors } from './generate/errors.ts'
import { renderMetrics } from './generate/metrics.ts'

/** The pages that are made from the sources; tests compare the files with what this would write. docs/rpc.md comes from rpc/generate-docs.ts. */
export const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  'configuration.md': renderConfiguration,
  'errors.md': renderErrors,
  'metrics.md': renderMetrics,
}

if (import.meta.main) for (const [name, render] of Object.entries(PAGES)) await writeFile(new URL(name, import.meta.url), await render())
