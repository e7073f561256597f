/** `portolan echo`: the example backend by itself. */
import { startEcho } from '../dev/echo-server.ts';
import { defineCommand, EXIT_OK } from './command.ts';
import { parsePort } from './parse-arguments.ts';

export const echoCommand = defineCommand({
  name: 'echo',
  summary: 'Run a backend that answers with the request as it arrived.',
  usage: '[--name NAME] [--port N] [--host ADDRESS]',
  details: `
Answers {service, method, url, httpVersion, headers, bodySha256, bodyBytes} as seen on the wire.
?status=404, ?delay_ms=250 and ?bytes=1000000 shape the answer; WebSocket messages are sent back.
Runs until it is stopped.`,
  options: {
    name: { type: 'string', value: 'NAME', help: 'answered as "service"; default echo' },
    port: { type: 'string', value: 'N', help: 'port to listen on; default 0, any free one' },
    host: { type: 'string', value: 'ADDRESS', help: 'address to listen on; default 127.0.0.1' },
  },
  async run({ options, terminal, json, print, printJson }) {
    const name = options.name ?? 'echo';
    const stopped = terminal.stopped();
    const server = await startEcho({
      name,
      port: parsePort('echo', options.port ?? '0'),
      ...(options.host !== undefined && { host: options.host }),
    });
    if (json) printJson({ service: name, url: server.url, port: server.port });
    else print(`${name} answers on ${server.url}`);
    await stopped;
    await server.close();
    return EXIT_OK;
  },
});
