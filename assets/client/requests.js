// Requests that end with the connection.

import { Refused } from "./refused.js";

export class Requests {
  // Ids are remembered for the user, in all tabs and after the page was loaded again. (randomUUID is
  // only there on pages that came through TLS.)
  #prefix = [...crypto.getRandomValues(new Uint32Array(3))].map((part) => part.toString(36)).join("");
  #count = 0;
  #transmit;
  // By id.
  #asked = new Map();
  // Another one with each connection.
  #life = {};

  constructor(transmit) {
    this.#transmit = transmit;
  }

  nextId() {
    this.#count += 1;
    return `${this.#prefix}-${this.#count}`;
  }

  // Answers are handled at once, and not in a promise's own time: what the server says next may come first.
  ask(op, fields, done, failed) {
    const id = this.nextId();
    if (!this.#transmit({ ...fields, op, id })) return failed(new Refused("closed"));
    this.#asked.set(id, { done, failed });
  }

  // Asks again when the server has time for the answer, unless the connection has ended by then.
  askPatiently(op, fields, done, failed) {
    const life = this.#life;
    const again = () => this.#life === life && this.askPatiently(op, fields, done, failed);
    this.ask(op, fields, done, (error) => {
      const isForNow = error.code === "rate_limited" || error.code === "unavailable";
      if (isForNow && error.retryMs > 0) setTimeout(again, error.retryMs);
      else failed(error);
    });
  }

  // Who waits for the answer to this id, from now on nobody.
  take(id) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  // The connection is lost.
  interrupted() {
    this.#life = {};
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { failed } of asked) failed(new Refused("closed"));
  }
}
