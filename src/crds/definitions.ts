/** The definitions that are shipped: the kinds whose fields are carried. */
import { hostCoverage, listenerCoverage, mappingCoverage, moduleCoverage } from '../resources/ambassador/coverage.ts';
import type { FieldSchema } from '../resources/ambassador/field-schema.ts';
import { textList } from '../resources/ambassador/fields.ts';
import { hostFields } from '../resources/ambassador/host-shape.ts';
import { listenerFields } from '../resources/ambassador/listener-shape.ts';
import { otherMappingFields, typedMappingFields } from '../resources/ambassador/mapping-shape.ts';
import { moduleKeys } from '../resources/ambassador/module-shape.ts';
import {
  customResourceDefinition,
  type CustomResourceDefinition,
  type KindDefinition,
  type PrinterColumn,
} from './custom-resource-definition.ts';
import { commonMeanings, mappingMeanings, mappingMemberMeanings } from './mapping-meanings.ts';
import {
  hostMeanings,
  hostMemberMeanings,
  listenerMeanings,
  listenerMemberMeanings,
  moduleMeanings,
} from './other-meanings.ts';
import { fieldsSchema, untypedFields } from './spec-schema.ts';
import { hostState, mappingState, statusSchema } from './status-schema.ts';

/** `release`: the version of Portolan that they are from. */
export function customResourceDefinitions(release: string): readonly CustomResourceDefinition[] {
  return [mapping, host, listener, module].map((definition) => customResourceDefinition(definition, release));
}

const common = { ambassador_id: textList, ambassadorId: textList };

function condition(type: string, description: string): PrinterColumn {
  return { name: type, type: 'string', jsonPath: `.status.conditions[?(@.type=="${type}")].status`, description };
}
const outcome: readonly PrinterColumn[] = [
  condition('Accepted', 'Whether it is served as written.'),
  condition('Programmed', 'Whether this version is live.'),
  {
    name: 'Reason',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Accepted")].reason',
    description: 'Why it is accepted or not.',
    priority: 1,
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was created.' },
];

function column(name: string, field: string, description: string): PrinterColumn {
  return { name, type: 'string', jsonPath: `.spec.${field}`, description };
}

const mappingSpec: FieldSchema = {
  ...fieldsSchema({
    kinds: { ...typedMappingFields, ...otherMappingFields, ...common },
    coverage: mappingCoverage,
    meanings: mappingMeanings,
    memberMeanings: mappingMemberMeanings,
  }),
  description: 'Which requests, and what becomes of them.',
  required: ['prefix', 'service'],
  'x-kubernetes-validations': [
    {
      rule: "!has(self.host) || !self.host.contains('*') || (has(self.host_regex) && self.host_regex) || (has(self.hostname) && self.hostname != '')",
      message: 'host takes no *: use hostname, or host_regex with a regular expression',
    },
  ],
};

const mapping: KindDefinition = {
  kind: 'Mapping',
  plural: 'mappings',
  shortNames: ['map'],
  description: 'A Mapping takes requests by hostname, path, method, headers and query to a service, or redirects them.',
  columns: [
    column('Hosts', 'hostname', 'Hostname that requests must be for.'),
    column('Prefix', 'prefix', 'What the path begins with.'),
    column('Service', 'service', 'Where requests go.'),
    { ...column('Weight', 'weight', 'Percent of the requests.'), type: 'integer', priority: 1 },
    ...outcome,
  ],
  spec: mappingSpec,
  status: statusSchema(mappingState),
};

const host: KindDefinition = {
  kind: 'Host',
  plural: 'hosts',
  shortNames: ['hst'],
  description: 'A Host is a hostname that the gateway serves, with the Mappings that it selects.',
  columns: [
    column('Hostname', 'hostname', 'The hostname.'),
    column('Insecure', 'requestPolicy.insecure.action', 'What happens to requests in clear.'),
    ...outcome,
  ],
  spec: {
    ...fieldsSchema({
      kinds: { ...hostFields, ...common },
      coverage: hostCoverage,
      meanings: hostMeanings,
      memberMeanings: hostMemberMeanings,
    }),
    description: 'The hostname, and which Mappings it serves.',
  },
  status: statusSchema(hostState),
};

const listener: KindDefinition = {
  kind: 'Listener',
  plural: 'listeners',
  shortNames: ['lsn'],
  description: 'A Listener says which requests count as secure, and which proxies before the gateway are trusted.',
  columns: [
    { ...column('Port', 'port', 'The port.'), type: 'integer' },
    column('Protocol', 'protocol', 'Short name of the protocols.'),
    column('Security', 'securityModel', 'Which requests count as secure.'),
    ...outcome,
  ],
  spec: {
    ...fieldsSchema({
      kinds: { ...listenerFields, ...common },
      coverage: listenerCoverage,
      meanings: listenerMeanings,
      memberMeanings: listenerMemberMeanings,
    }),
    description: 'How requests come in.',
    required: ['port', 'securityModel', 'hostBinding'],
    'x-kubernetes-validations': [
      { rule: 'has(self.protocol) || has(self.protocolStack)', message: 'needs protocol or protocolStack' },
    ],
  },
  status: statusSchema(),
};

const moduleCommon = fieldsSchema({
  kinds: common,
  coverage: mappingCoverage,
  meanings: commonMeanings,
  memberMeanings: {},
});
const moduleConfig = fieldsSchema({
  kinds: moduleKeys,
  coverage: moduleCoverage,
  meanings: moduleMeanings,
  memberMeanings: {},
});

const module: KindDefinition = {
  kind: 'Module',
  plural: 'modules',
  shortNames: ['amod'],
  description: 'The Module named `ambassador` holds what is true for all Mappings. Modules of other names are ignored.',
  columns: outcome,
  spec: {
    ...moduleCommon,
    description: 'What is true for all Mappings.',
    properties: {
      ...moduleCommon.properties,
      config: { description: 'Settings by name.', ...untypedFields(moduleConfig) },
    },
  },
  status: statusSchema(),
};
