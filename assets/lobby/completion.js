// "@An" becomes "@Ann": a list above the field, for keys and fingers.

import { byId, element } from "./dom.js";
import { offers } from "./offers.js";

// `users` gives the members of the room and all people who are known.
export function watchCompletion(field, users) {
  const list = byId("completions");
  let options = [];
  let start = 0;
  let chosen = 0;

  function show() {
    ({ start, options } = offers(field.value, field.selectionStart, users));
    chosen = 0;
    draw();
  }

  function draw() {
    list.replaceChildren(...options.map(({ label }, index) => {
      const aria = { selected: String(index === chosen) };
      const option = element("li", { id: `completion-${index}`, text: label, role: "option", aria });
      // Before the field would lose the focus.
      option.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        take(options[index]);
      });
      return option;
    }));
    list.hidden = options.length === 0;
    if (options.length > 0) field.setAttribute("aria-activedescendant", `completion-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  }

  function take({ text }) {
    const rest = field.value.slice(field.selectionStart).trimStart();
    field.value = field.value.slice(0, start) + text + rest;
    field.setSelectionRange(start + text.length, start + text.length);
    close();
    field.dispatchEvent(new Event("input"));
  }

  function close() {
    options = [];
    draw();
  }

  field.addEventListener("input", show);
  field.addEventListener("blur", close);
  // The caret went elsewhere.
  document.addEventListener("selectionchange", () => {
    if (options.length > 0 && field === document.activeElement) show();
  });
  field.addEventListener("keydown", (event) => {
    // What is being composed takes these keys itself.
    if (options.length === 0 || event.isComposing) return;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) {
      chosen = (chosen + step + options.length) % options.length;
      draw();
    } else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
      take(options[chosen]);
    } else if (event.key === "Escape") {
      close();
    } else {
      return;
    }
    event.preventDefault();
  });
}
