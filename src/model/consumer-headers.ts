/** Header values that say who is calling; gateway/upstream/header-template.ts fills them in. */

/** Whether a header value says who is calling: then no client may send that header. */
export function namesConsumer(value: string): boolean {
  return /%CONSUMER_[A-Z]+(?:\([^)]*\))?(?::\d+)?%/.test(value);
}
