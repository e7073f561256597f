/** Request-time half of `basic`. An unknown user and a wrong password have one answer and one cost. */
import { GatewayError } from '../../../diagnostics/errors.ts';
import { denied, insufficientScope, keysUnavailable, missing, tooLarge } from '../denials.ts';
import type {
  AuthMethod,
  AuthMethodHandler,
  AuthRequest,
  AuthVerdict,
  HeaderEdit,
  ShownCredential,
} from '../method.ts';
import type { CompiledBasic } from './compiled.ts';
import { parseCredentials } from './credentials.ts';
import { decodeBasic } from './decode.ts';
import { passwordChecksOf, type CheckedPassword, type PasswordChecks } from './password-checks.ts';

export const basicMethod: AuthMethodHandler = {
  name: 'basic',
  create: (json, runtime) => new BasicMethod(decodeBasic(json), passwordChecksOf(runtime)),
};

const WITHOUT_AUTHORIZATION: readonly HeaderEdit[] = [{ name: 'authorization', value: null, credential: true }];

class BasicMethod implements AuthMethod {
  readonly #checks: PasswordChecks;
  readonly #realm: string;
  readonly #edits: readonly HeaderEdit[];

  constructor({ realm, forward }: CompiledBasic, checks: PasswordChecks) {
    this.#checks = checks;
    this.#realm = `Basic realm="${realm}"`;
    this.#edits = forward === true ? [] : WITHOUT_AUTHORIZATION;
  }

  get #challenge(): string {
    return `${this.#realm}, charset="UTF-8"`;
  }

  check(request: AuthRequest): AuthVerdict | Promise<AuthVerdict> {
    const credentials = parseCredentials(request.facts.headers.get('authorization'));
    if (credentials.kind === 'none') return missing(this.#challenge);
    if (credentials.kind === 'too-large') return tooLarge();
    if (credentials.kind === 'malformed') return this.#invalid();
    return this.#checks.check(credentials).then(
      (checked) => this.#verdict(checked, request),
      (error: unknown) => {
        this.#checks.reportOutage(error);
        throw keysUnavailable(error);
      },
    );
  }

  shown({ headers }: Pick<AuthRequest['facts'], 'headers'>): readonly ShownCredential[] {
    const isShown = parseCredentials(headers.get('authorization')).kind !== 'none';
    return isShown ? [{ place: 'header:authorization', edits: WITHOUT_AUTHORIZATION }] : [];
  }

  #verdict(checked: CheckedPassword, { scopes }: AuthRequest): AuthVerdict {
    if (checked.kind === 'wrong') return this.#invalid();
    if (checked.kind === 'busy')
      throw new GatewayError(503, 'basic-busy', 'Too many passwords are being checked.', {
        headers: { 'retry-after': '1' },
      });
    const { consumer } = checked;
    if (!scopes.every((scope) => consumer.scopes.includes(scope))) return insufficientScope(this.#challenge, scopes);
    return { kind: 'allow', consumer, edits: this.#edits };
  }

  #invalid(): AuthVerdict {
    return denied(401, 'basic-invalid', {
      challenge: this.#challenge,
      detail: 'The user name and password are not accepted.',
    });
  }
}
