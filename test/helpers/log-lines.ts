import type { Logger } from '../../primitives/ports.ts'

export interface LogLine { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly phrase: string; readonly fields: Readonly<Record<string, unknown>> }

/** A logger that keeps its lines for assertions; `onLine` hears each as it comes. */
export function keepingLogger(onLine: (line: LogLine) => void = () => {}): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: LogLine['level']) => (fields: object, phrase: string): void => {
    const line = { level, phrase, fields: { ...fields } }
    lines.push(line)
    onLine(line)
  }
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } }
}
