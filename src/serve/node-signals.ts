/** Signals of the supervisor: the first asks for an orderly end, the second does not wait for it. */

export type NodeSignals = {
  /** Resolves with the reason at the first SIGTERM or SIGINT, or when the launcher is gone. */
  readonly stopped: Promise<string>;
  /** Called for every SIGHUP from now on; those before are ignored. */
  readonly onHangup: (handler: () => Promise<void>) => void;
  /** `kill` runs when this process exits, however that comes about. */
  readonly killAtExit: (kill: () => void) => void;
};

export function nodeSignals(orphaned: Promise<void>): NodeSignals {
  let asked = false;
  let hangup: (() => Promise<void>) | null = null;
  process.on('SIGHUP', () => void hangup?.());
  return {
    stopped: new Promise((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        process.on(signal, () => {
          if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
          asked = true;
          resolve(signal);
        });
      }
      void orphaned.then(() => resolve('launcher gone'));
    }),
    onHangup: (handler) => {
      hangup = handler;
    },
    killAtExit: (kill) => void process.on('exit', kill),
  };
}
