/** Structured logs: one JSON object a line, whoever said it. */

export type LogLevel = 'info' | 'warning' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;
/** `event` is a stable kebab-case name; `fields` never hold secrets. */
export type ServeLog = (level: LogLevel, event: string, fields?: LogFields) => void;

/** `{time, level, process, event, …}`; `process` is `supervisor`, `objects` or `edge-N`. */
export function createLog(process: string, write: (line: string) => void): ServeLog {
  return (level, event, fields = {}) => {
    write(`${JSON.stringify({ time: new Date().toISOString(), level, process, event, ...fields })}\n`);
  };
}

/** One line of workerd's own output: what the Worker logged, or what the runtime has to say. */
export function relayRuntimeLine(line: string, log: ServeLog): void {
  const outer = parseObject(line);
  const message = typeof outer?.['message'] === 'string' ? outer['message'] : line;
  const level = levelOf(outer?.['level']);
  const own = parseObject(message);
  const event = own?.['event'];
  if (own !== null && typeof event === 'string') {
    // These keys are the supervisor's to write.
    const { event: _event, time: _time, level: _level, process: _process, ...fields } = own;
    log(level, event, fields);
  } else log(level, 'runtime', runtimeFields(message));
}

/** What the runtime keeps from the Worker it writes here, under the reference that the Worker is given instead. */
function runtimeFields(message: string): LogFields {
  // Addresses in the runtime's binary help nobody.
  const [text = message] = message.split(/(?:\n|; )stack: /, 1);
  const reference = /\bwdErrId = (\w+)/.exec(message)?.[1];
  return { message: text, ...(reference !== undefined && { reference }) };
}

function levelOf(level: unknown): LogLevel {
  if (level === 'error' || level === 'fatal') return 'error';
  return level === 'warn' || level === 'warning' ? 'warning' : 'info';
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** What a line of the runtime says is wrong; null: it is no error. */
export function errorIn(line: string): string | null {
  const outer = parseObject(line);
  if (outer === null) return line;
  if (levelOf(outer['level']) !== 'error' || typeof outer['message'] !== 'string') return null;
  const [text = ''] = outer['message'].split('\n', 1);
  return text;
}
