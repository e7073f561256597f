/** A password from standard input: typed twice without echo on a terminal, else its first line. */
import { UserError } from '../diagnostics/errors.ts';
import type { Terminal } from './command.ts';

type Keyboard = NodeJS.ReadStream & { setRawMode(on: boolean): unknown };

/** Throws UserError when nothing comes, or the two do not agree. */
export async function readPassword(terminal: Pick<Terminal, 'stdin' | 'stderr'>, user: string): Promise<string> {
  const { stdin, stderr } = terminal;
  if (!isKeyboard(stdin)) return firstLine(stdin);
  const first = await typed(stdin, stderr, `Password for ${user}: `);
  if (first === (await typed(stdin, stderr, 'Once more: '))) return first;
  throw new UserError('the two passwords are not the same; nothing was changed');
}

async function firstLine(stdin: Terminal['stdin']): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stdin) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.includes('\n')) break;
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line !== '') return line;
  throw new UserError('a password is needed on standard input, and nothing came');
}

/** Raw mode is the only way to keep a terminal from showing what is typed; line editing is then ours. */
function typed(keyboard: Keyboard, write: Terminal['stderr'], prompt: string): Promise<string> {
  // Before the prompt: what is typed in answer to it must not be seen.
  keyboard.setRawMode(true);
  keyboard.resume();
  write(prompt);
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (act: () => void): void => {
      keyboard.off('data', onData);
      keyboard.setRawMode(false);
      keyboard.pause();
      write('\n');
      act();
    };
    const onData = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n') return finish(() => resolve(text));
        if (character === '\u0003' || character === '\u0004')
          return finish(() => reject(new UserError('no password was given; nothing was changed')));
        text = character === '\u007f' || character === '\b' ? text.slice(0, -1) : text + character;
      }
    };
    keyboard.on('data', onData);
  });
}

function isKeyboard(stdin: unknown): stdin is Keyboard {
  return typeof stdin === 'object' && stdin !== null && 'isTTY' in stdin && stdin.isTTY === true;
}
