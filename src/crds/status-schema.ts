/** Status of our kinds: conditions, beside what Ambassador's own definitions have. */
import type { FieldSchema } from '../resources/ambassador/field-schema.ts';

/** As in the Kubernetes API conventions ("Typical status properties"). */
const conditions: FieldSchema = {
  type: 'array',
  description: 'What became of this resource. `sync` writes `Accepted`, `ResolvedRefs` and `Programmed`.',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    required: ['lastTransitionTime', 'message', 'reason', 'status', 'type'],
    properties: {
      lastTransitionTime: { type: 'string', format: 'date-time', description: 'When `status` changed last.' },
      message: { type: 'string', maxLength: 32_768, description: 'For people.' },
      observedGeneration: {
        type: 'integer',
        format: 'int64',
        minimum: 0,
        description: 'Generation of the resource that this was said of.',
      },
      reason: {
        type: 'string',
        minLength: 1,
        maxLength: 1_024,
        pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
        description: 'Why, in one word.',
      },
      status: { type: 'string', enum: ['True', 'False', 'Unknown'], description: 'Whether it is so.' },
      type: { type: 'string', maxLength: 316, description: 'What is said.' },
    },
  },
};

export function statusSchema(others: Readonly<Record<string, FieldSchema>> = {}): FieldSchema {
  return { type: 'object', description: 'Written by controllers.', properties: { conditions, ...others } };
}

export const mappingState: Readonly<Record<string, FieldSchema>> = {
  state: { type: 'string', enum: ['', 'Inactive', 'Running'], description: 'Written by Ambassador.' },
  reason: { type: 'string', description: 'Written by Ambassador: why it is inactive.' },
};

const phases = ['NA', 'DefaultsFilled', 'ACMEUserPrivateKeyCreated', 'ACMEUserRegistered', 'ACMECertificateChallenge'];

export const hostState: Readonly<Record<string, FieldSchema>> = {
  state: { type: 'string', enum: ['Initial', 'Pending', 'Ready', 'Error'], description: 'Written by Ambassador.' },
  phaseCompleted: { type: 'string', enum: phases, description: 'Written by Ambassador: the step behind.' },
  phasePending: { type: 'string', enum: phases, description: 'Written by Ambassador: the step ahead.' },
  tlsCertificateSource: {
    type: 'string',
    enum: ['Unknown', 'None', 'Other', 'ACME'],
    description: 'Written by Ambassador: where the certificate is from.',
  },
  errorReason: { type: 'string', description: 'Written by Ambassador: what went wrong.' },
  errorTimestamp: { type: 'string', format: 'date-time', description: 'Written by Ambassador: when.' },
  errorBackoff: { type: 'string', description: 'Written by Ambassador: time until the next try.' },
};
