/** A bound on waiting that never loses an answer to a busy process. */

/**
 * null when `work` is not done after `budgetMs`. A process that was busy finds the timer and the answer
 * due together, and the runtime may fire the timer first; so the loop gets another round to read what
 * is there, and the answer wins. The timers belong to the caller's request, whoever does the work.
 */
export function withinBudget<T>(work: Promise<T>, budgetMs: number): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(null);
    let timer = setTimeout(() => {
      timer = setTimeout(() => {
        timer = setTimeout(giveUp, 0);
      }, 0);
    }, budgetMs);
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
