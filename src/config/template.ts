/** URL templates of clusters: `https://{service}.{namespace}.example.com`, `{scheme}://{service}.{namespace}:{port}`. */
import { originProblem } from './service.ts';

const PLACEHOLDERS: ReadonlySet<string> = new Set(['scheme', 'service', 'namespace', 'port']);

/** Why a text cannot be a template; null when it can. */
export function templateProblem(template: string): string | null {
  const names = [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name ?? '');
  const unknown = names.find((name) => !PLACEHOLDERS.has(name));
  if (unknown !== undefined)
    return `\`{${unknown}}\` is unknown; there are {scheme}, {service}, {namespace} and {port}`;
  if (!names.includes('service')) return 'without `{service}` every service would have the same address';
  const example = template
    .replaceAll('{scheme}', 'https')
    .replaceAll('{service}', 'a')
    .replaceAll('{namespace}', 'b')
    .replaceAll('{port}', '80');
  return /[{}]/.test(example) ? 'its braces do not match' : originProblem(example);
}
