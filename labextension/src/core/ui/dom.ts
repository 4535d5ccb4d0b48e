/** Building DOM elements; text is always inserted as text, never as HTML. */

export type Child = Node | string | number | null | undefined | false;
type Listeners = { [K in keyof HTMLElementEventMap as `on${K}`]?: (event: HTMLElementEventMap[K]) => void };
export type Props = Listeners & {
  [name: string]: unknown;
  class?: string;
  style?: Partial<CSSStyleDeclaration> | string;
};

/**
 * Make an element: `h('button', { class: 'vv-button', 'aria-pressed': false, onclick: play }, 'Play')`.
 *
 * Functions named `on…` become listeners, `class`, `data-*`, `aria-*` and other strings attributes; `true`
 * sets an empty attribute (`aria-*` get "true"), `false`, `null` and `undefined` set none.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props | null = null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  append(element, ...children);
  return element;
}

/** Make an SVG element, with attributes only. */
export function svg(tag: string, attributes: Record<string, string | number> = {}, ...children: Node[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Append children; skip null, undefined and false. */
export function append(parent: Node, ...children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Replace an element's children. */
export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  append(parent, ...children);
}

function setProp(element: HTMLElement, name: string, value: unknown): void {
  if (typeof value === 'function') {
    element.addEventListener(name.replace(/^on/, ''), value as EventListener);
  } else if (name === 'style' && typeof value === 'object' && value !== null) {
    for (const [property, setting] of Object.entries(value)) {
      if (property.startsWith('--')) element.style.setProperty(property, String(setting));
      else Reflect.set(element.style, property, setting);
    }
  } else if (name === 'value' && 'value' in element) {
    Reflect.set(element, 'value', value ?? '');
  } else if (name.startsWith('aria-') && typeof value === 'boolean') {
    element.setAttribute(name, String(value));
  } else if (value === true) {
    element.setAttribute(name, '');
  } else if (typeof value === 'string' || typeof value === 'number') {
    element.setAttribute(name, String(value));
  }
}
