// What the page listens to.

export class Emitter {
  #listeners = new Map();

  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    // Its own object, so that the same function may listen twice.
    const entry = { listener };
    this.#listeners.get(event).add(entry);
    return () => this.#listeners.get(event).delete(entry);
  }

  emit(event, detail) {
    for (const entry of [...(this.#listeners.get(event) ?? [])]) {
      try {
        entry.listener(detail);
      } catch (error) {
        // The page's own mistake must not end the connection.
        console.error(`bouncer: a listener of "${event}" failed`, error);
      }
    }
  }
}
