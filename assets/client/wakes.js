// When the page, its network or the whole machine is back from sleep: timers were late, and lines may have died.

const TICK = 5_000;
// The clock moves on while the machine sleeps, and the timers do not. (Those of a hidden page are late as well,
// by a minute and more, and it says when it is shown again.)
const SLEPT = 15_000;

const isHidden = () => globalThis.document?.visibilityState === "hidden";

export class Wakes {
  #wake;
  #ends = [];

  constructor(wake) {
    this.#wake = wake;
  }

  start() {
    if (this.#ends.length > 0) return;
    const wake = () => isHidden() || this.#wake();
    this.#listen(globalThis, "online", wake);
    this.#listen(globalThis, "pageshow", wake);
    this.#listen(globalThis.document, "visibilitychange", wake);
    this.#watchTheClock(wake);
  }

  stop() {
    for (const end of this.#ends.splice(0)) end();
  }

  // Outside of browsers there may be nothing to listen to.
  #listen(target, event, wake) {
    if (typeof target?.addEventListener !== "function") return;
    target.addEventListener(event, wake);
    this.#ends.push(() => target.removeEventListener(event, wake));
  }

  #watchTheClock(wake) {
    let before = Date.now();
    const timer = setInterval(() => {
      const hasSlept = Date.now() - before > SLEPT;
      before = Date.now();
      if (hasSlept) wake();
    }, TICK);
    this.#ends.push(() => clearInterval(timer));
  }
}
