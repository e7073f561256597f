/**
 * Several requests that need the same value share one load.
 *
 * A load belongs to the request that began it, and the runtime may end that request (the client went
 * away) without settling the promise. So whoever joined waits only for a while and then loads on its
 * own, in its own request.
 */

/** Long beside a healthy read, short beside a client's patience. */
const PATIENCE_MS = 1_500;

export class SingleFlight<Value> {
  readonly #flights = new Map<string, Promise<Value>>();

  join(key: string, load: () => Promise<Value>): Promise<Value> {
    const flying = this.#flights.get(key);
    if (flying === undefined) return this.#start(key, load);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const impatient = new Promise<Value>((resolve, reject) => {
      timer = setTimeout(() => {
        this.#start(key, load).then(resolve, reject);
      }, PATIENCE_MS);
    });
    return Promise.race([flying, impatient]).finally(() => {
      if (timer !== undefined) clearTimeout(timer);
    });
  }

  #start(key: string, load: () => Promise<Value>): Promise<Value> {
    const flight = load().finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    this.#flights.set(key, flight);
    return flight;
  }
}
