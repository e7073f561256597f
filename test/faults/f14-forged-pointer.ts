/**
 * F14: the pointer is forged or rolled back by somebody who can write to the store but has no key. A
 * gateway with VERIFY_KEY never serves what a forgery names, warm or cold; no warm gateway goes back.
 *
 * A gateway that starts knows nothing of what was live before, so an older pointer with its genuine
 * signature is the live version to it: `coldRollback` tells that this is so.
 */
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { encodedValues } from '../../src/program/encode.ts';
import type { UnsignedPointer } from '../../src/program/pointer-signature.ts';
import type { Pointer } from '../../src/program/stored-form.ts';
import { MemoryStore } from '../program/memory-store.ts';
import { startBackend } from './backend-process.ts';
import { CORRUPTIONS } from './corruptions.ts';
import { startFaultKv, type FaultKv } from './fault-kv.ts';
import { forgePointers } from './forgeries.ts';
import { startBareGateway, type FaultGateway } from './gateway-process.ts';
import { publish } from './programs.ts';
import { ask, label } from './raw-client.ts';
import { Expectations, seededRandom, Stage, type FaultOptions, type Figures } from './scenario.ts';
import { buildVersions, type Versions } from './versions.ts';
import { warmUp } from './stand.ts';

const ROUTES = 20;
/** Positions among the built versions. */
const [OLD, LIVE, NEXT, EVIL] = [0, 1, 2, 3];

export function run({ scale }: FaultOptions): Promise<Figures> {
  const isFull = scale === 'full';
  const seeds = isFull ? [141, 142, 143, 144, 145] : [141];
  const perSeed = isFull ? 100 : 20;
  return Stage.run(async (stage) => {
    const [signKey, publicKey] = await keyPair('publisher');
    const [otherKey] = await keyPair('other');
    const backend = stage.add(await startBackend('f14'));
    const versions = await buildVersions({ backend: backend.address, versions: 4, routes: ROUTES });
    const store = new MemoryStore();
    const pointers: string[] = [];
    for (const position of [OLD, LIVE]) {
      await publish(store, at(versions, position), { signKey });
      pointers.push(store.values.get('current')?.value ?? '');
    }
    const [oldText = '', liveText = ''] = pointers;
    const genuine = JSON.parse(liveText) as Pointer;
    // Everything the forged pointers name is there and whole.
    const { encoded } = at(versions, EVIL);
    for (const { key, value } of encodedValues(encoded)) await store.put(key, value);
    const evil: UnsignedPointer = {
      ...unsigned(genuine),
      index: encoded.index,
      version: encoded.version,
      sequence: genuine.sequence + 1,
      time: new Date(Date.parse(genuine.time) + 60_000).toISOString(),
    };
    const kv = stage.add(await startFaultKv(store));
    const folder = stage.folder();
    const { program } = at(versions, OLD).result;
    const start = async (isVerifying: boolean): Promise<FaultGateway> => {
      const verifyKey = isVerifying ? { verifyKey: publicKey } : {};
      const options = { folder, kvAddress: kv.address, program, refreshMs: 600_000, ...verifyKey };
      return stage.add(await startBareGateway(options));
    };
    const held = new Expectations();
    const verifying = await start(true);
    const trusting = await start(false);
    for (const gateway of [verifying, trusting]) await warmUp(gateway, kv, versions);
    const tried: string[] = [];
    const accepted: string[] = [];
    const show = async (gateway: FaultGateway, text: string, name: string): Promise<void> => {
      kv.setFault((key) => (key === 'current' ? { kind: 'value', value: text } : null));
      await gateway.reload();
      tried.push(name);
      if ((await served(gateway, versions)) !== String(LIVE)) accepted.push(name);
    };

    const forgeries = await forgePointers({ evil, genuine, signKey, publicKey, otherKey });
    for (const { name, text } of forgeries) await show(verifying, text, name);
    await show(verifying, oldText, 'rollback');
    await show(trusting, oldText, 'rollback without a key');
    await show(
      trusting,
      JSON.stringify({ ...unsigned(genuine), sequence: 1, time: '2020-01-01T00:00:00.000Z' }),
      'older',
    );
    const colds = isFull ? forgeries : forgeries.slice(0, 2);
    for (const { name, text } of colds)
      await showCold(await start(true), { kv, versions, text, name: `cold ${name}`, tried, accepted });
    for (const seed of seeds) {
      const random = seededRandom(seed);
      for (let count = 0; count < perSeed; count += 1) {
        const corruption = CORRUPTIONS[Math.floor(random() * CORRUPTIONS.length)];
        const source = random() < 0.5 ? oldText : JSON.stringify({ ...evil, signature: genuine.signature });
        const damaged = corruption?.damage(source, random)?.toString() ?? '';
        await show(verifying, damaged, `seed ${seed}, ${count}`);
      }
    }
    held.equal(accepted, [], 'forged or older pointers that were followed');

    const cold = await start(true);
    kv.setFault((key) => (key === 'current' ? { kind: 'value', value: oldText } : null));
    const coldRollback = await served(cold, versions);
    // Controls: the forgery does name a program that works, and what is really signed is followed.
    await pointTo(kv, JSON.stringify(evil), trusting);
    held.equal(
      await served(trusting, versions),
      String(EVIL),
      'control: a gateway without a key follows the unsigned one',
    );
    kv.setFault(null);
    await publish(store, at(versions, NEXT), { signKey });
    await verifying.reload();
    held.equal(await served(verifying, versions), String(NEXT), 'control: the next genuine version');
    return held.figures('F14', {
      tried: tried.length,
      kinds: forgeries.length + 2,
      cold: colds.length,
      accepted: accepted.length,
      coldRollback: coldRollback === String(OLD),
    });
  });
}

async function pointTo(kv: FaultKv, text: string, gateway: FaultGateway): Promise<void> {
  kv.setFault((key) => (key === 'current' ? { kind: 'value', value: text } : null));
  await gateway.reload();
}

type ColdShow = {
  readonly kv: FaultKv;
  readonly versions: Versions;
  readonly text: string;
  readonly name: string;
  readonly tried: string[];
  readonly accepted: string[];
};

/** A gateway that starts with the forgery has nothing to serve. */
async function showCold(gateway: FaultGateway, { kv, versions, text, name, tried, accepted }: ColdShow): Promise<void> {
  await pointTo(kv, text, gateway);
  tried.push(name);
  if ((await served(gateway, versions)) !== '503') accepted.push(name);
  await gateway.close();
}

/** Position of the version served to one request, or what the client got instead. */
async function served(gateway: FaultGateway, versions: Versions): Promise<string> {
  const outcome = await ask({ port: gateway.port, ...versions.target(1) });
  if (label(outcome) !== '200') return label(outcome);
  return versions.isOfOneVersion(outcome, 1) ? String(versions.versionOf(outcome)) : 'a mixture';
}

function at(versions: Versions, position: number | undefined): Versions['built'][number] {
  const built = versions.built[position ?? -1];
  if (built === undefined) throw new Error('There is no such version.');
  return built;
}

function unsigned({ signature: _signature, ...pointer }: Pointer): UnsignedPointer {
  return pointer;
}

async function keyPair(kid: string): Promise<readonly [JWK, JWK]> {
  const pair = await generateKeyPair('Ed25519', { extractable: true });
  return [
    { ...(await exportJWK(pair.privateKey)), kid },
    { ...(await exportJWK(pair.publicKey)), kid },
  ];
}
