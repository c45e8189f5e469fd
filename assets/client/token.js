// The token, and another one before it ends.

import { isFinal } from "./advice.js";
import { LONGEST_TIMER } from "./timers.js";

const RENEW_TIMEOUT = 30_000;
// A failed renewal is tried again after this time, at the earliest.
const RENEW_AGAIN = 5_000;
// Two renewals by our own clock are this far apart. A clock that is wrong makes every token look as if
// it were about to end; then it is the server who says so, with `auth.expiring`.
const RENEW_APART = 60_000;

export class Token {
  #value;
  #getAnother;
  #requests;
  #isOnline;
  #renewal = null;
  #isRefreshing = false;
  #timer;
  #exp;

  constructor({ token, renew }, requests, isOnline) {
    this.#value = token;
    this.#getAnother = renew;
    this.#requests = requests;
    this.#isOnline = isOnline;
  }

  get value() {
    return this.#value;
  }

  get canRenew() {
    return this.#getAnother !== undefined;
  }

  get isRenewing() {
    return this.#renewal !== null;
  }

  // One at a time: whoever needs a token while another one is on its way gets that.
  renew(why) {
    const ask = async () => {
      let timer;
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("no new token in time")), RENEW_TIMEOUT);
      });
      try {
        const token = await Promise.race([this.#getAnother(why), late]);
        if (typeof token !== "string" || token === "") throw new TypeError("renew gave no token");
        this.#value = token;
      } finally {
        clearTimeout(timer);
      }
    };
    this.#renewal ??= ask().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  // A connection was made with `used`, which ends then.
  taken(used, exp) {
    this.#exp = exp;
    this.#renewBeforeEnd();
    // A renewal ended while we were connecting with the token before.
    if (used !== this.#value) this.#send();
  }

  // The server says that it ends soon.
  expiring(endsAt) {
    this.#exp = endsAt;
    this.#refresh();
  }

  // The connection is lost.
  interrupted() {
    clearTimeout(this.#timer);
  }

  #renewBeforeEnd(least = 0) {
    const left = this.#exp * 1_000 - Date.now();
    if (left > 0) this.#renewIn(Math.max(left * 0.8, least));
  }

  #renewIn(ms) {
    const due = Date.now() + ms;
    const wait = () => {
      const left = due - Date.now();
      if (left <= 0) return void this.#refresh();
      this.#timer = setTimeout(wait, Math.min(left, LONGEST_TIMER));
    };
    clearTimeout(this.#timer);
    wait();
  }

  async #refresh() {
    if (!this.canRenew || this.#isRefreshing) return;
    this.#isRefreshing = true;
    clearTimeout(this.#timer);
    try {
      await this.renew("expiring");
      this.#send();
    } catch (error) {
      // The session lasts until the token ends; then the server says so, and it is tried once more.
      const left = this.#exp * 1_000 - Date.now();
      if (this.#isOnline() && !isFinal(error)) this.#renewIn(Math.max(left * 0.8, RENEW_AGAIN));
    } finally {
      this.#isRefreshing = false;
    }
  }

  #send() {
    const done = ({ exp }) => {
      this.#exp = exp;
      this.#renewBeforeEnd(RENEW_APART);
    };
    const failed = ({ code, retryMs }) => {
      if (code === "closed" || retryMs === undefined) return;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#send(), retryMs);
    };
    this.#requests.ask("auth.refresh", { token: this.#value }, done, failed);
  }
}
