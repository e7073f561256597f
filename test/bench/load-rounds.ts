/**
 * Load on several gateways in rounds: every round runs all of them, one after the other, and ratios are
 * taken inside a round, so that a machine that slows down for a while slows all of them.
 */
import { BACKEND_BODY } from './backend.ts';
import { hostnameOf, prefixOf } from './generate-mappings.ts';
import { generateLoad, type Answer, type LoadResult } from './load-generator.ts';
import { cpuMs } from './process-usage.ts';
import { median, ratioRange } from './report.ts';

export type Target = {
  readonly host: string;
  readonly path: string;
  readonly client?: string;
  /** Header lines beside those that every request has. */
  readonly lines?: readonly string[];
};

export type Scenario = {
  readonly name: string;
  readonly port: number;
  /** Processes that take the requests. */
  readonly pids: readonly number[];
  /** Of the process that holds the counters, where that is another one. */
  readonly countersPid?: number;
  /** What requests ask for, in turn. */
  readonly targets: readonly Target[];
  /** No target is asked for twice, warm-up included; there must be enough of them. */
  readonly once?: true;
  /** Header that every answer must have, in lower case: proof that the policies ran. */
  readonly header?: string;
  readonly connections: number;
};

export type Measured = LoadResult & {
  /** Processor time of the gateway per request, in microseconds; NaN where the system does not say. */
  readonly cpuUs: number;
  /** The same of the process that holds the counters; 0 without one. */
  readonly countersCpuUs: number;
  /** Of one processor, taken by the load generator: near 1 it would be what limits. */
  readonly clientShare: number;
};

export type RoundsOptions = {
  readonly rounds: number;
  readonly requests: number;
  readonly warmUpRequests: number;
};

/** One value per round. */
export class RoundResults {
  readonly #results: ReadonlyMap<string, readonly Measured[]>;

  constructor(results: ReadonlyMap<string, readonly Measured[]>) {
    this.#results = results;
  }

  all(name: string, pick: (result: Measured) => number): readonly number[] {
    return (this.#results.get(name) ?? []).map(pick);
  }

  median(name: string, pick: (result: Measured) => number): number {
    return median(this.all(name, pick));
  }

  /** Median of the ratios per round, with the lowest and the highest. */
  against(name: string, base: string, pick: (result: Measured) => number): string {
    const bases = this.all(base, pick);
    return ratioRange(this.all(name, pick).map((value, at) => value / (bases[at] ?? NaN)));
  }
}

const WARM_UP_PARTS = 4;

/** Throws when an answer is not what the backend gave. */
export async function measureRounds(scenarios: readonly Scenario[], options: RoundsOptions): Promise<RoundResults> {
  const loads = scenarios.map((scenario) => new Load(scenario));
  // In parts: processes that share a socket share the connections anew each time.
  for (let part = 0; part < WARM_UP_PARTS; part += 1) {
    for (const load of loads) await load.run(Math.ceil(options.warmUpRequests / WARM_UP_PARTS));
  }
  const results = new Map<string, Measured[]>(scenarios.map(({ name }) => [name, []]));
  for (let count = 0; count < options.rounds; count += 1) {
    // There and back, so that nobody always comes after the same neighbour.
    const order = count % 2 === 0 ? loads : loads.toReversed();
    for (const load of order) results.get(load.scenario.name)?.push(await load.run(options.requests));
  }
  return new RoundResults(results);
}

/** Of one scenario, over all rounds. */
class Load {
  readonly scenario: Scenario;
  readonly #heads: readonly string[];
  #sent = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.#heads = scenario.targets.map(requestHead);
  }

  async run(requests: number): Promise<Measured> {
    const { name, port, pids, countersPid, header, connections } = this.scenario;
    const cpuBefore = sumOf(pids.map(cpuMs));
    const countersCpu = (): number => (countersPid === undefined ? 0 : cpuMs(countersPid));
    const countersBefore = countersCpu();
    const ownBefore = process.cpuUsage();
    const result = await generateLoad({
      port,
      connections,
      requests,
      request: this.#next(requests),
      isRight: (answer) => isRight(answer, header),
    });
    if (result.lost > 0 || result.wrong > 0) {
      const { statuses, lost, wrong } = result;
      throw new Error(`${name}: ${JSON.stringify({ statuses, lost, wrong })}; all must be as the backend answered.`);
    }
    const { user, system } = process.cpuUsage(ownBefore);
    return {
      ...result,
      cpuUs: ((sumOf(pids.map(cpuMs)) - cpuBefore) / requests) * 1000,
      countersCpuUs: ((countersCpu() - countersBefore) / requests) * 1000,
      clientShare: (user + system) / 1e6 / result.seconds,
    };
  }

  #next(requests: number): (index: number) => string {
    const heads = this.#heads;
    const first = this.scenario.once === true ? this.#sent : 0;
    this.#sent += requests;
    if (first + requests > heads.length && this.scenario.once === true) {
      throw new Error(`${this.scenario.name}: ${heads.length} targets are too few for ${this.#sent} requests.`);
    }
    return (index) => heads[(first + index) % heads.length] ?? '';
  }
}

function isRight({ status, head, body }: Answer, header: string | undefined): boolean {
  if (status !== '200' || body !== BACKEND_BODY) return false;
  return header === undefined || head.toLowerCase().includes(`\r\n${header}:`);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Routes that requests go to: spread evenly, so that all hostnames and shards take part. */
export function indexesAmong(count: number, used: number): readonly number[] {
  // 1 beside the multiples: every tenth Mapping takes GET only and every 25th wants a header.
  return Array.from({ length: used }, (_, at) => Math.floor((at * count) / used) + 1);
}

export function targetsAmong(count: number, used: number): readonly Target[] {
  return indexesAmong(count, used).map((index) => ({ host: hostnameOf(index), path: `${prefixOf(index)}orders/1` }));
}

/** What a browser's script sends, near enough. */
function requestHead({ host, path, client, lines = [] }: Target): string {
  const headers = [
    `host: ${host}`,
    'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
    'accept: application/json, text/plain, */*',
    'accept-encoding: gzip, deflate, br',
    'accept-language: en-GB,en;q=0.9',
    'origin: https://app.example.com',
    'referer: https://app.example.com/orders',
    'cookie: session=0123456789abcdef0123456789abcdef',
    ...(client === undefined ? [] : [`cf-connecting-ip: ${client}`]),
    ...lines,
  ];
  return `GET ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}
