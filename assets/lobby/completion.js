// "@An" becomes "@Ann": a list of people above the field, for keys and fingers.

import { byId, element } from "./dom.js";
import { beginning } from "./mentions.js";

const OFFERED = 5;

// `people` gives the users who may be mentioned.
export function watchCompletion(field, people) {
  const list = byId("completions");
  let names = [];
  let chosen = 0;

  function show() {
    const begun = beginning(field.value, field.selectionStart);
    const typed = begun?.typed.toLowerCase() ?? "";
    const fits = (name) => name.toLowerCase().startsWith(typed) && name.toLowerCase() !== typed;
    names = begun ? people().map(({ name }) => name).filter(fits).slice(0, OFFERED) : [];
    chosen = 0;
    draw();
  }

  function draw() {
    list.replaceChildren(...names.map((name, index) => {
      const aria = { selected: String(index === chosen) };
      const option = element("li", { id: `completion-${index}`, text: `@${name}`, role: "option", aria });
      // Before the field would lose the focus.
      option.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        take(name);
      });
      return option;
    }));
    list.hidden = names.length === 0;
    field.setAttribute("aria-expanded", String(names.length > 0));
    if (names.length > 0) field.setAttribute("aria-activedescendant", `completion-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  }

  function take(name) {
    const begun = beginning(field.value, field.selectionStart);
    if (!begun) return close();
    const { start } = begun;
    const rest = field.value.slice(field.selectionStart);
    field.value = `${field.value.slice(0, start)}@${name} ${rest.trimStart()}`;
    const caret = start + name.length + 2;
    field.setSelectionRange(caret, caret);
    close();
  }

  function close() {
    names = [];
    draw();
  }

  field.addEventListener("input", show);
  field.addEventListener("blur", close);
  // The caret went elsewhere.
  document.addEventListener("selectionchange", () => {
    if (names.length > 0 && field === document.activeElement) show();
  });
  field.addEventListener("keydown", (event) => {
    // What is being composed takes these keys itself.
    if (names.length === 0 || event.isComposing) return;
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step) {
      chosen = (chosen + step + names.length) % names.length;
      draw();
    } else if (event.key === "Enter" || event.key === "Tab") {
      take(names[chosen]);
    } else if (event.key === "Escape") {
      close();
    } else {
      return;
    }
    event.preventDefault();
  });
}
