/**
 * Globs of policies (FilterPolicy, WAF policies): `*` stands for any run of characters, `/` and the
 * empty run included. The questions are about sets, so that a route can be judged before any request.
 */

/** Could one text satisfy both globs? */
export function globsOverlap(a: string, b: string): boolean {
  if (a === '*' || b === '*' || a === b) return true;
  const startA = fixedStart(a);
  const startB = fixedStart(b);
  if (!startA.startsWith(startB) && !startB.startsWith(startA)) return false;
  if (startA.length === a.length - 1 && startB.length === b.length - 1) return true;
  // reachable[j]: the part of `a` read so far and the first j characters of `b` can stand for one text.
  let reachable = closeOverStars(b, [true]);
  for (const character of a) {
    const next: boolean[] = Array.from({ length: b.length + 1 }, () => false);
    for (let at = 0; at <= b.length; at += 1) {
      if (reachable[at] !== true) continue;
      if (character === '*') {
        // A star of `a` takes any run of characters of `b`.
        next.fill(true, at);
        break;
      }
      if (b[at] === '*') next[at] = true;
      else if (b[at] === character) next[at + 1] = true;
    }
    reachable = closeOverStars(b, next);
  }
  return reachable[b.length] === true;
}

/**
 * Does every text of `inner` satisfy `outer`? Only said when it is certain: `true` for `*`, for equal
 * globs, and where one star at an end of `outer` covers everything that may vary in `inner`.
 */
export function globCovers(outer: string, inner: string): boolean {
  if (outer === '*' || outer === inner) return true;
  const star = outer.indexOf('*');
  if (star === -1 || star !== outer.lastIndexOf('*')) return false;
  const fixedEnd = inner.slice(inner.lastIndexOf('*') + 1);
  if (star === outer.length - 1) return fixedStart(inner).startsWith(outer.slice(0, -1));
  return star === 0 && fixedEnd.endsWith(outer.slice(1));
}

function fixedStart(glob: string): string {
  const star = glob.indexOf('*');
  return star === -1 ? glob : glob.slice(0, star);
}

/** A star may stand for nothing, so whatever is reached before it is also reached behind it. */
function closeOverStars(glob: string, reached: readonly boolean[]): boolean[] {
  const closed: boolean[] = Array.from({ length: glob.length + 1 }, (_, at) => reached[at] === true);
  for (let at = 0; at < glob.length; at += 1) {
    if (closed[at] === true && glob[at] === '*') closed[at + 1] = true;
  }
  return closed;
}
