/** Timers of more than 31 bits fire at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;
