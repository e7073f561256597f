/**
 * Inputs of which the Worker is shown less than was sent, by id. What is left is served, or refused, for
 * itself.
 */
export const HIDDEN: Readonly<Record<string, string>> = {
  '14': 'cuts off what follows `#`',
  '14a': 'cuts off what follows `#`, the query with it',
  '32d': 'trims white space around header values',
  '41c': 'serves HTTP/1.0 and closes the connection after the answer',
  '43': "shows the Host header's host, not the target's",
  '43a': "shows the Host header's host, not the target's",
  '43b': 'shows the scheme of the connection',
  '43c': 'shows no userinfo of the target',
  '43f': 'shows the scheme of the connection',
  '43g': 'reads a word as authority form, whose path is `/`',
  '54e': 'writes a WebSocket handshake of its own',
  '55': 'drops `Content-Length` beside `chunked`, closes after the answer',
  '55a': 'drops `Content-Length` beside `chunked`, closes after the answer',
  '55b': 'drops `Content-Length` beside `chunked`, closes after the answer',
  '56l': 'reads leading zeros of `Content-Length` as decimal',
  '56o': 'makes one of equal `Content-Length` lines',
  '60b': 'takes a line feed alone as the end of a line',
  '60c': 'takes a line feed alone as the end of a line',
  '60d': 'skips empty lines before a request',
  '61': 'drops chunk extensions',
  '61a': 'skips spaces after a chunk size',
  '61b': 'drops chunk extensions, whatever is in them',
  '61c': 'reads leading zeros of a chunk size',
  '62': 'drops trailers',
  '63b': 'answers `Expect: 100-continue` itself when the body is read',
};
