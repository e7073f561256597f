/** Writes deploy/crds/ and the chart's copy from the tables of fields. Run it after changing a field or its words. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { renderDefinitions } from '../src/crds/definition-files.ts';
import { customResourceDefinitions } from '../src/crds/definitions.ts';
import manifest from '../package.json' with { type: 'json' };

for (const folder of ['deploy/crds/', 'deploy/helm/portolan/files/crds/']) {
  const target = new URL(`../${folder}`, import.meta.url);
  mkdirSync(target, { recursive: true });
  for (const { name, text } of renderDefinitions(customResourceDefinitions(manifest.version))) {
    writeFileSync(new URL(name, target), text);
  }
}
