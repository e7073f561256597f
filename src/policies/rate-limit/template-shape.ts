/** What templates of limits can read; the data itself is made in templates.ts. */
import { PLAIN, withFields, type Shape } from '../go-template/shape.ts';

const status = withFields({
  Code: PLAIN,
  CurrentLimit: withFields({ RequestsPerUnit: PLAIN, Unit: PLAIN }),
  LimitRemaining: PLAIN,
});

const counted = {
  RateLimitResponse: withFields({ OverallCode: PLAIN, Statuses: { is: 'list', of: status } }),
  RetryAfter: withFields({
    String: PLAIN,
    Hours: PLAIN,
    Minutes: PLAIN,
    Seconds: PLAIN,
    Milliseconds: PLAIN,
    Nanoseconds: PLAIN,
  }),
} as const;

/** Of injected headers. */
export const COUNTED_SHAPE: Shape = withFields(counted);

/** Of answers to refused requests. */
export const REFUSED_SHAPE: Shape = withFields({
  ...counted,
  status_code: PLAIN,
  httpStatus: PLAIN,
  message: PLAIN,
  request_id: PLAIN,
  requestId: PLAIN,
});
