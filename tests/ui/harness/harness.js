/** An anywidget model whose kernel is the test. `toKernel` is Python's; it answers with messages for the page. */

const toBase64 = (buffer) => {
  const bytes = buffer instanceof ArrayBuffer ? new Uint8Array(buffer) : new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
};
const toView = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

class FakeModel {
  constructor(traits) {
    this.traits = structuredClone(traits);
    this.changed = new Set();
    this.listeners = new Map();
  }
  get(name) {
    return this.traits[name];
  }
  set(name, value) {
    if (JSON.stringify(this.traits[name]) === JSON.stringify(value)) return;
    this.traits[name] = value;
    this.changed.add(name);
    this.emit(`change:${name}`);
  }
  save_changes() {
    const changes = Object.fromEntries([...this.changed].map((name) => [name, this.traits[name]]));
    this.changed.clear();
    if (Object.keys(changes).length) this.exchange({ changes });
  }
  on(name, callback) {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), callback]);
  }
  off(name, callback) {
    this.listeners.set(name, (this.listeners.get(name) ?? []).filter((one) => callback && one !== callback));
  }
  emit(name, ...values) {
    for (const callback of this.listeners.get(name) ?? []) callback(...values);
  }
  send(content, _callbacks, buffers = []) {
    this.exchange({ content, buffers: buffers.map(toBase64) });
  }
  async exchange(message) {
    this.receive(await window.toKernel(message));
  }
  receive(messages) {
    for (const { traits, content, buffers } of messages) {
      if (traits) {
        Object.assign(this.traits, traits);
        for (const name of Object.keys(traits)) this.emit(`change:${name}`);
        this.emit('change');
      } else {
        this.emit('msg:custom', content, buffers.map(toView));
      }
    }
  }
}

window.harness = {
  model: null,
  cleanups: [],
  /** Load a built widget and show it once for each width in pixels (null: as wide as the page). */
  async mount({ widget, traits, widths, shadow, poll }) {
    const entry = (await import(`./static/${widget}.js`)).default;
    const definition = typeof entry === 'function' ? await entry() : entry;
    const model = (this.model = new FakeModel(traits));
    // A real widget speaks at any time, also while the test waits for something on the page.
    if (poll) this.timer = setInterval(() => model.exchange({ poll: true }), 50);
    await definition.initialize?.({ model });
    for (const width of widths) {
      const el = document.createElement('div');
      if (width) el.style.width = `${width}px`;
      let place = document.getElementById('views');
      if (shadow) {
        place = place.appendChild(document.createElement('div')).attachShadow({ mode: 'open' });
        for (const link of document.querySelectorAll('link')) place.appendChild(link.cloneNode());
      }
      place.appendChild(el);
      this.cleanups.push(await definition.render({ model, el }));
    }
  },
  receive(messages) {
    this.model.receive(messages);
  },
  unmount() {
    clearInterval(this.timer);
    for (const cleanup of this.cleanups.splice(0)) cleanup?.();
  },
};
