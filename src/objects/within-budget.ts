/** A bound on waiting that never loses an answer to a busy process. */

/**
 * Rounds of the event loop after the timer: the first reads what is there, the next ones bring it to
 * the request that waits. Measured in workerd with a busy process: one is too few, two are enough when
 * the waiting request made the call itself.
 */
const ROUNDS = 4;

/**
 * null when `work` is not done after `budgetMs`. A process that was busy finds the timer and the answer
 * due together, and the runtime fires the timer first; so the loop gets a few more rounds, and an
 * answer that is there wins. The timers belong to the caller's request, whoever does the work.
 */
export function withinBudget<T>(work: Promise<T>, budgetMs: number): Promise<T | null> {
  return new Promise((resolve, reject) => {
    let rounds = 0;
    const onTimer = () => {
      if (rounds === ROUNDS) return resolve(null);
      rounds += 1;
      timer = setTimeout(onTimer, 0);
    };
    let timer = setTimeout(onTimer, budgetMs);
    work.then(
      (answer) => {
        clearTimeout(timer);
        resolve(answer);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
