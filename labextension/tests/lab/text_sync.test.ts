import { Signal } from '@lumino/signaling';
import { expect, test } from 'vitest';

import { LocalHost } from '../../src/core/host/local_host';
import { difference, TextSync } from '../../src/lab/document/text_sync';

class Model {
  readonly contentChanged = new Signal<this, void>(this);
  edits = 0;
  readonly sharedModel = {
    getSource: () => this.text,
    updateSource: (start: number, end: number, value = '') => {
      this.edits++;
      this.type(this.text.slice(0, start) + value + this.text.slice(end));
    },
  };
  constructor(public text: string) {}
  type(text: string): void {
    this.text = text;
    this.contentChanged.emit();
  }
}

function bound(script: string, text = script, readOnly = false): { host: LocalHost; model: Model } {
  const saved = { name: '', path: '', holder: '', problem: '', unsaved: false, actions: [] };
  const host = new LocalHost({ script, project_state: { ...saved, read_only: readOnly } }, {});
  const model = new Model(text);
  new TextSync(host, model);
  return { host, model };
}

test('text typed in the studio is in the file, with one edit', () => {
  const { host, model } = bound('Anna: Hi.');
  host.set('script', 'Anna: Hi there.');
  expect([model.text, model.edits]).toEqual(['Anna: Hi there.', 1]);
});

test('changes of the file are in the studio', () => {
  const { host, model } = bound('Anna: Hi.');
  model.type('Ben: No.');
  expect([host.get('script'), model.edits]).toEqual(['Ben: No.', 0]);
});

test("somebody else's script, only to be read, changes no file", () => {
  const { host, model } = bound('theirs', 'ours', true);
  host.set('script', 'theirs, too');
  model.type('ours, too');
  expect([model.text, host.get('script')]).toEqual(['ours, too', 'theirs, too']);
});

test('a difference, put in, makes one text of the other', () => {
  const words = ['', 'a', 'aa', 'aba', 'abab', 'xabay', 'b'];
  for (const before of words) {
    for (const after of words) {
      const { start, end, value } = difference(before, after);
      expect(before.slice(0, start) + value + before.slice(end)).toBe(after);
    }
  }
});
