/** Entry of the workerd suite: exports the objects under test. */
export { RateLimitObject } from '../../src/objects/rate-limit-object.ts';

export default {
  fetch(): Response {
    return new Response('This Worker exists for its objects.', { status: 404 });
  },
} satisfies ExportedHandler;
