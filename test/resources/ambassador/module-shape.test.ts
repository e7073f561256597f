import { describe, expect, it } from 'vitest';
import { normalize } from './normalized.ts';

const module = (config: string, name = 'ambassador', namespace = 'default'): string =>
  `apiVersion: getambassador.io/v3alpha1\nkind: Module\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n  config: ${config}\n`;

describe('Module', () => {
  it('reads known keys, drops wrong ones, names unknown ones', () => {
    const result = normalize(
      module('{ merge_slashes: true, cluster_request_timeout_ms: 5s, coors: {}, cors: { origins: "a,b" } }'),
    );
    expect(result.problems).toEqual([
      'error field-invalid spec.config.cluster_request_timeout_ms',
      'warning field-unknown spec.config.coors',
    ]);
    expect(result.findings.find(({ code }) => code === 'field-unknown')?.hint).toBe('Did you mean `cors`?');
    expect(result.module?.spec.config).toEqual({ merge_slashes: true, cors: { origins: ['a', 'b'] } });
    expect(result.module?.invalid).toHaveLength(1);
  });

  it('keeps what protects even where it cannot be read', () => {
    const { module: read } = normalize(module('{ ip_allow: 10.0.0.0/8, lua_scripts: [1], buffer: 1 }'));
    expect(read?.spec.config).toEqual({ ip_allow: '10.0.0.0/8', lua_scripts: [1], buffer: 1 });
  });

  it('says what has no effect and what is not enforced yet', () => {
    const { findings } = normalize(
      module('{ gzip: {}, enable_grpc_web: false, retry_policy: { retry_on: 5xx }, xff_num_trusted_hops: 1 }'),
    );
    expect(findings.map(({ code, path }) => [code, path])).toEqual([
      ['no-effect-at-edge', 'spec.config.gzip'],
      ['no-effect-at-edge', 'spec.config.enable_grpc_web'],
      ['not-yet-enforced', 'spec.config.retry_policy'],
    ]);
  });

  it('counts only the one named `ambassador`', () => {
    const { module: read, problems } = normalize([module('{}', 'tls'), module('{}', 'other')].join('---\n'));
    expect(read).toBeNull();
    expect(problems).toEqual(['warning module-obsolete metadata.name', 'warning module-ignored metadata.name']);
  });

  it('takes several together, Ambassador’s own namespace first, and loses no protection', () => {
    const texts = [
      module('{ server_name: a, ip_deny: [{ remote: 10.0.0.0/8 }] }', 'ambassador', 'aaa'),
      module('{ server_name: b }', 'ambassador', 'edge'),
    ];
    for (const order of [texts, texts.toReversed()]) {
      const { module: read, problems } = normalize(order.join('---\n'), { ambassadorNamespace: 'edge' });
      expect(read).toMatchObject({
        namespace: 'edge',
        spec: { config: { server_name: 'b', ip_deny: [{ remote: '10.0.0.0/8' }] } },
      });
      expect(problems).toEqual(['error module-duplicate spec.config.server_name']);
    }
  });

  it('rejects a config that is no mapping', () => {
    const { module: read, problems } = normalize(module('[a]'));
    expect(problems).toEqual(['error field-invalid spec.config']);
    expect(read).toMatchObject({ spec: { config: {} }, invalid: [{ path: 'spec.config' }] });
  });
});
