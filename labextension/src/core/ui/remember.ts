/** Preferences of this browser, such as the sizes of panes; if it allows no storage, they last as long as the page. */

const PREFIX = 'vibevoice-nb:';
const page = new Map<string, string>();

/** Return the remembered text; null if there is none. */
export function recall(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name) ?? page.get(name) ?? null;
  } catch {
    return page.get(name) ?? null;
  }
}

/** Return the remembered number, clipped to a range; null if there is none. */
export function recallNumber(name: string, low: number, high: number): number | null {
  const text = recall(name);
  const value = text === null || text === '' ? NaN : Number(text);
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : null;
}

/** Return the remembered text if it is one of the choices; null otherwise. */
export function recallChoice<T extends string>(name: string, choices: readonly T[]): T | null {
  const text = recall(name);
  return choices.find((choice) => choice === text) ?? null;
}

export function remember(name: string, value: string | number): void {
  page.set(name, String(value));
  try {
    localStorage.setItem(PREFIX + name, String(value));
  } catch {
    // Private windows and sandboxed pages refuse; the value lasts as long as the page.
  }
}
