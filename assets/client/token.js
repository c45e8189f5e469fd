// The token, and another one before it ends.

import { isFinal } from "./advice.js";
import { LONGEST_TIMER } from "./timers.js";

const RENEW_TIMEOUT = 30_000;
// Two renewals are this far apart, and a failed one is tried again after this time, at the earliest.
const RENEW_AGAIN = 5_000;
// Two renewals by our own clock, for servers that do not say how long a token still lasts. A clock that is wrong makes
// every token look as if it were about to end; then it is the server who says so, with `auth.expiring`.
const RENEW_APART = 60_000;
// A token is renewed after this part of the time that it has left.
const PART = 0.8;

export class Token {
  #value;
  #getAnother;
  #requests;
  #isOnline;
  #renewal = null;
  #isRefreshing = false;
  #timer;
  // By our own clock, in milliseconds. NaN when it does not end.
  #endsAt = NaN;
  // Whether the server has said how long that is, so that a wrong clock does not matter.
  #isExact = false;
  // When it is to be renewed.
  #due = Infinity;

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

  // The page has another one.
  replace(token) {
    if (token === this.#value) return;
    this.#value = token;
    if (this.#isOnline()) this.#send();
  }

  // A connection was made with `used`, of which the server says when it ends.
  taken(used, { exp, expires_in_ms }) {
    this.#learnEnd(exp, expires_in_ms);
    this.#renewBeforeEnd();
    // There is another one since we began to connect.
    if (used !== this.#value) this.#send();
  }

  // The server says that it ends soon.
  expiring(endsAt, leftMs) {
    this.#learnEnd(endsAt, leftMs);
    this.#refresh();
  }

  // Timers may be late.
  wake() {
    if (this.#isOnline() && this.#due <= Date.now()) this.#refresh();
  }

  // The connection is lost.
  interrupted() {
    this.#rest();
  }

  #learnEnd(exp, leftMs) {
    this.#isExact = leftMs !== undefined;
    this.#endsAt = this.#isExact ? Date.now() + leftMs : exp * 1_000;
  }

  #renewBeforeEnd(least = 0) {
    const left = this.#endsAt - Date.now();
    if (left > 0) this.#renewIn(Math.max(left * PART, least));
  }

  #renewIn(ms) {
    clearTimeout(this.#timer);
    this.#due = Date.now() + ms;
    const wait = (left) => {
      const now = Math.min(left, LONGEST_TIMER);
      this.#timer = setTimeout(() => (left > now ? wait(left - now) : this.#refresh()), now);
    };
    wait(ms);
  }

  #rest() {
    clearTimeout(this.#timer);
    this.#due = Infinity;
  }

  async #refresh() {
    if (!this.canRenew || this.#isRefreshing) return;
    this.#isRefreshing = true;
    this.#rest();
    try {
      await this.renew("expiring");
      this.#send();
    } catch (error) {
      // The session lasts until the token ends; then the server says so, and it is tried once more.
      const left = this.#endsAt - Date.now();
      if (this.#isOnline() && !isFinal(error)) this.#renewIn(Math.max(left * PART || 0, RENEW_AGAIN));
    } finally {
      this.#isRefreshing = false;
    }
  }

  #send() {
    const done = ({ exp, expires_in_ms }) => {
      this.#learnEnd(exp, expires_in_ms);
      this.#renewBeforeEnd(this.#isExact ? RENEW_AGAIN : RENEW_APART);
    };
    const failed = ({ code, retryMs }) => {
      if (code === "closed" || retryMs === undefined) return;
      this.#rest();
      this.#timer = setTimeout(() => this.#send(), retryMs);
    };
    this.#requests.ask("auth.refresh", { token: this.#value }, done, failed);
  }
}
