// What the page is made of. Names and texts only ever become text nodes.

export const byId = (id) => document.getElementById(id);

export function element(tag, { className, text, data = {}, aria = {}, ...properties } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  Object.assign(made, properties);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children);
  return made;
}

// Only what differs is written, because what is written may be read aloud again.
export function write(target, words) {
  if (target.textContent !== words) target.textContent = words;
}

// Shows words in an element, or hides it when there are none.
export function say(id, words) {
  write(byId(id), words ?? "");
  byId(id).hidden = !words;
}

// For those who listen to the page.
// (The same words again are only heard when they differ.)
export function announce(words) {
  const target = byId("announcement");
  write(target, target.textContent === words ? `${words}\u00a0` : words);
}

export function avatar(id, name) {
  const letter = name.charAt(0).toUpperCase();
  const circle = element("span", { className: "avatar", data: { letter }, aria: { hidden: "true" } });
  let hue = 0;
  for (const character of id) hue = (hue * 31 + character.codePointAt(0)) % 360;
  // Neighbouring ids are far apart on the wheel.
  circle.style.setProperty("--hue", (hue * 137) % 360);
  return circle;
}

// One child for each item. What stays the same is not touched, so that it keeps the focus and is not
// read aloud again. `version` tells when a child has to be made anew.
export function showAll(parent, items, { key, version = () => "", make, update = () => {} }) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const keys = new Set(items.map((item) => String(key(item))));
  for (const [name, child] of before) if (!keys.has(name)) replace(child, null);
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    const now = String(version(item));
    let child = before.get(name);
    if (child?.dataset.version !== now) {
      const made = make(item);
      Object.assign(made.dataset, { key: name, version: now });
      if (child === next) next = child ? made : next;
      if (child) replace(child, made);
      child = made;
    }
    update(child, item);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

// The focus never falls off the page.
function replace(child, made) {
  const focused = child.contains(document.activeElement);
  if (made) child.replaceWith(made);
  else child.remove();
  if (focused) (made?.querySelector("button:not(:disabled)") ?? byId("messages")).focus();
}

// Shows a dialog until it is closed. The focus goes back to where it was, if that is still there.
export function modal(dialog, first) {
  const opener = document.activeElement;
  return new Promise((resolve) => {
    // Beside the dialog, from where the pointer went down: whoever selects text may end anywhere.
    let isBeside = false;
    const press = ({ target, clientX, clientY }) => {
      const { left, right, top, bottom } = dialog.getBoundingClientRect();
      const isWithin = clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
      isBeside = target === dialog && !isWithin;
    };
    const cancel = ({ target }) => {
      if ((target === dialog && isBeside) || target.closest("[data-cancel]")) dialog.close("");
    };
    dialog.returnValue = "";
    dialog.addEventListener("pointerdown", press);
    dialog.addEventListener("click", cancel);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("pointerdown", press);
      dialog.removeEventListener("click", cancel);
      (opener?.isConnected ? opener : byId("text")).focus();
      resolve(dialog.returnValue);
    }, { once: true });
    dialog.showModal();
    first?.focus();
  });
}
