/** No count grows beyond this (what is counted without asking could), so that times a day in milliseconds it is still exact. */
export const MAX_COUNTED = 25_000_000;
