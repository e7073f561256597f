/** Echo backends of `portolan dev`: one per service, each on a loopback port of its own, started once. */
import { startEcho, type EchoServer } from './echo-server.ts';

export class EchoPool {
  readonly #servers = new Map<string, Promise<EchoServer>>();

  /** Starts the echo backend of this service, or returns the running one. */
  urlOf(service: string): Promise<URL> {
    let server = this.#servers.get(service);
    if (server === undefined) {
      server = startEcho({ name: service, port: 0 });
      this.#servers.set(service, server);
    }
    return server.then(({ url }) => new URL(url));
  }

  async close(): Promise<void> {
    const servers = await Promise.allSettled(this.#servers.values());
    const running = servers.filter((result) => result.status === 'fulfilled');
    await Promise.all(running.map(({ value }) => value.close()));
  }
}
