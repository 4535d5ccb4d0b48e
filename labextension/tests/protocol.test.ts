/// <reference types="vite/client" />
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

import examples from '../../tests/data/protocol_examples.json';
import table from '../../vibevoice_nb/widgets/protocol.json';
import { faultToKernel, faultToPage } from '../src/core/host/protocol';
import types from '../src/core/host/protocol.ts?raw';

describe('the examples that the kernel is tested with too', () => {
  test.each(examples.to_page)('to the page: $content', ({ content, fault }) =>
    expect(faultToPage(content)).toBe(fault),
  );
  test.each(examples.to_kernel)('to the kernel: $content', ({ content, fault }) =>
    expect(faultToKernel(content)).toBe(fault),
  );
});

test('numbers that JSON has no word for are refused', () => {
  const message = { v: 1, n: 1, kind: 'audio', stream: 's', start: NaN };
  expect(faultToPage(message)).toMatch(/start/);
});

/** The interfaces of protocol.ts, in the form of the table. */
function declared(name: string): Record<string, Record<string, string>> {
  const source = ts.createSourceFile('protocol.ts', types, ts.ScriptTarget.ES2022, true);
  const found = source.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === name);
  const fields = (node: ts.Node | undefined): ts.PropertySignature[] =>
    node && (ts.isInterfaceDeclaration(node) || ts.isTypeLiteralNode(node))
      ? node.members.filter(ts.isPropertySignature)
      : [];
  const kinds = fields(found).map((kind) => {
    const members = fields(kind.type).map((field) => {
      const written = field.type!.getText().replace(' | null', '');
      const type = written.endsWith('[]') ? 'array' : /^(Record<.*>|object)$/.test(written) ? 'object' : written;
      return [field.name.getText(), type + (field.questionToken ? '?' : '')] as const;
    });
    return [kind.name.getText(), Object.fromEntries(members)] as const;
  });
  return Object.fromEntries(kinds);
}

test.each([
  ['ToPage', table.to_page],
  ['ToKernel', table.to_kernel],
  ['Methods', table.methods],
])('the types of %s say what the table says', (name, kinds) => {
  const plain: unknown = JSON.parse(JSON.stringify(kinds).replaceAll('"integer', '"number'));
  expect(declared(name)).toEqual(plain);
});
