/**
 * The public listening socket. Node cannot hold one without accepting connections on it, so whoever
 * opens it (the launcher, or systemd) hands it to the supervisor as a descriptor that the supervisor
 * never touches and only hands on to the edge processes.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import type { Socket } from 'node:net';
import { UserError } from '../diagnostics/errors.ts';

/** Where systemd and the launcher put it. */
export const LISTENER_FD = 3;
/** The launcher's end of this pipe closes when it dies, however it dies. */
const LIFELINE_FD = 4;
const LAUNCHED = 'PORTOLAN_SERVE_LAUNCHED';
const ADDRESS = 'PORTOLAN_SERVE_ADDRESS';

type Environment = Readonly<Record<string, string | undefined>>;

export type InheritedListener = {
  /** `host:port` of the listening socket; null: only systemd knows. */
  readonly address: string | null;
  /** Resolves when the launcher is gone and nobody forwards signals any more; never under systemd. */
  readonly orphaned: Promise<void>;
};

/** null: this process was started by a person and has to launch the supervisor. */
export function inheritedListener(environment: Environment): InheritedListener | null {
  // https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html
  if (environment['LISTEN_PID'] === String(process.pid)) {
    if (environment['LISTEN_FDS'] !== '1')
      throw new UserError('serve takes exactly one socket of systemd: give the unit one ListenStream.');
    if (!isSocket(LISTENER_FD))
      throw new UserError(`LISTEN_PID and LISTEN_FDS are set, but descriptor ${LISTENER_FD} is no socket.`);
    return { address: null, orphaned: new Promise(() => undefined) };
  }
  if (environment[LAUNCHED] !== String(process.ppid)) return null;
  return {
    address: environment[ADDRESS] ?? null,
    orphaned: new Promise((resolve) => {
      const lifeline: Socket = new net.Socket({ fd: LIFELINE_FD, readable: true, writable: false });
      lifeline.once('close', () => resolve());
      lifeline.on('error', () => lifeline.destroy());
      lifeline.resume();
      lifeline.unref();
    }),
  };
}

function isSocket(descriptor: number): boolean {
  try {
    return fs.fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}

export type LaunchOptions = {
  readonly host: string;
  readonly port: number;
  readonly environment: Environment;
  /** Called after the supervisor ended otherwise than by itself. */
  readonly onAbandoned: () => void;
};

/** Opens the port, starts this same command as supervisor with it, and ends with its exit code. */
export async function launchSupervisor(options: LaunchOptions): Promise<number> {
  const server = await openPort(options.host, options.port);
  const descriptor = descriptorOf(server);
  // Between listening and closing there is no turn of the event loop, so this process accepts nothing.
  const supervisor = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', descriptor, 'pipe'],
    env: { ...options.environment, [LAUNCHED]: String(process.pid), [ADDRESS]: addressOf(server) },
    // Ctrl-C goes to a terminal's whole group; forwarded as well, the supervisor would count it twice.
    detached: true,
  });
  server.close();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => supervisor.kill(signal));
  }
  return new Promise((resolve, reject) => {
    supervisor.once('error', reject);
    supervisor.once('exit', (code, signal) => {
      if (signal !== null) options.onAbandoned();
      resolve(code ?? 1);
    });
  });
}

function openPort(host: string, port: number): Promise<net.Server> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', (error: NodeJS.ErrnoException) => reject(new UserError(portProblem(host, port, error))));
    server.listen({ host, port, backlog: 4096 }, () => resolve(server));
  });
}

function portProblem(host: string, port: number, error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE') return `port ${port} is in use on ${host}: choose another with --port`;
  if (error.code === 'EACCES')
    return `port ${port} needs privileges: choose one above 1023, or let systemd open it (docs/self-hosting.md)`;
  return `cannot listen on ${host}:${port}: ${error.message}`;
}

/** Node hands a server to a child only over its own channel; its descriptor is what any program can take. */
export function descriptorOf(server: net.Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  if (typeof handle === 'object' && handle !== null && 'fd' in handle && typeof handle.fd === 'number')
    return handle.fd;
  throw new UserError('serve needs Linux or macOS: this system does not hand sockets to child processes.');
}

function addressOf(server: net.Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return '';
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
