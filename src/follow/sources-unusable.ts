import { UserError } from '../diagnostics/errors.ts';

/** The sources cannot be built as they are; what to watch is known all the same, so that a correction is seen. */
export class SourcesUnusable extends UserError {
  readonly watch: readonly string[];

  constructor(message: string, watch: readonly string[]) {
    super(message);
    this.watch = watch;
  }
}
