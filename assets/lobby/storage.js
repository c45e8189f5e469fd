// What this tab remembers over a reload. Another tab can be another player, and closing the tab forgets all.

export function read(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

// A storage that is full or forbidden costs the memory, and nothing else.
export function keep(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    sessionStorage.removeItem(name);
  }
}

export const drop = (name) => sessionStorage.removeItem(name);
