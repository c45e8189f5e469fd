// How long to wait before the next attempt.

export class Patience {
  #firstMs = 1_000;
  #longestMs = 30_000;
  #attempt = 0;

  // What the server says of it, as far as it does.
  keepTo({ first_ms, longest_ms } = {}) {
    this.#firstMs = first_ms ?? this.#firstMs;
    this.#longestMs = longest_ms ?? this.#longestMs;
  }

  beginAnew() {
    this.#attempt = 0;
  }

  next() {
    const longest = Math.min(this.#longestMs, this.#firstMs * 2 ** this.#attempt);
    this.#attempt += 1;
    // Not all at the same time: whoever lost the connection with us comes back, too.
    return longest * (0.5 + Math.random() / 2);
  }
}
