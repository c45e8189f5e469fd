// What is said until it is answered, in order, over as many connections as it takes.

import { Refused } from "./refused.js";

export class Outbox {
  #transmit;
  #nextId;
  #most;
  // By id, in order.
  #kept = new Map();
  #isReady = false;
  #limits = {};
  #credit = 0;
  #paceTimer = null;

  constructor({ transmit, nextId, most }) {
    this.#transmit = transmit;
    this.#nextId = nextId;
    this.#most = most;
  }

  keep(op, fields) {
    if (this.#kept.size >= this.#most) return Promise.reject(new Refused("too_many_unanswered"));
    return new Promise((done, failed) => {
      const id = this.#nextId();
      const isLate = !this.#isReady || this.#paceTimer !== null;
      this.#kept.set(id, { request: { ...fields, op, id }, done, failed, isSent: false, isLate });
      this.#flush();
    });
  }

  // All rooms have answered: what is kept may be sent.
  ready(limits) {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#limits = limits;
    this.#credit = limits.burst ?? 1;
    this.#flush();
  }

  // Who waits for the answer to this id, from now on nobody.
  take(id) {
    const kept = this.#kept.get(id);
    this.#kept.delete(id);
    return kept;
  }

  // The server has no time before this.
  slowDown(ms) {
    if (this.#paceTimer !== null) this.#pause(ms);
  }

  // The connection is lost.
  interrupted() {
    clearTimeout(this.#paceTimer);
    this.#paceTimer = null;
    this.#isReady = false;
    for (const kept of this.#kept.values()) {
      kept.isSent = false;
      kept.isLate = true;
    }
  }

  rejectAll(code) {
    const kept = [...this.#kept.values()];
    this.#kept.clear();
    for (const { failed } of kept) failed(new Refused(code));
  }

  // What waited for a connection goes out no faster than the server lets a player speak: all at once, it
  // would be refused, and too many refusals end the connection.
  #flush() {
    if (!this.#isReady || this.#paceTimer !== null) return;
    for (const kept of this.#kept.values()) {
      if (kept.isSent) continue;
      if (kept.isLate && this.#credit <= 0) {
        // A little longer than it has to be, as the network is never even.
        return this.#pause(1_100 / (this.#limits.messages_per_second ?? 1));
      }
      if (kept.isLate) this.#credit -= 1;
      kept.isSent = true;
      this.#transmit(kept.request);
    }
  }

  #pause(ms) {
    clearTimeout(this.#paceTimer);
    this.#paceTimer = setTimeout(() => {
      this.#paceTimer = null;
      this.#credit = 1;
      this.#flush();
    }, ms);
  }
}
