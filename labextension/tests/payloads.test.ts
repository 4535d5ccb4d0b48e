/// <reference types="vite/client" />
import ts from 'typescript';
import { expect, test } from 'vitest';

import table from '../../vibevoice_nb/widgets/payloads.json';
import written from '../src/core/host/traits.ts?raw';

const source = ts.createSourceFile('traits.ts', written, ts.ScriptTarget.ES2022, true);
const interfaces = new Map(source.statements.filter(ts.isInterfaceDeclaration).map((one) => [one.name.text, one]));
const aliases = new Map(source.statements.filter(ts.isTypeAliasDeclaration).map((one) => [one.name.text, one.type]));

/** The literal texts of `'a' | 'b'`; null for another type. */
function choices(type: ts.TypeNode | undefined): string[] | null {
  if (!type || !ts.isUnionTypeNode(type)) return null;
  const texts = type.types.map((one) =>
    ts.isLiteralTypeNode(one) && ts.isStringLiteral(one.literal) ? one.literal.text : null,
  );
  return texts.every((text) => text !== null) ? texts : null;
}

/** A type in the form of the table. */
function inTable(type: ts.TypeNode): string {
  if (ts.isUnionTypeNode(type)) {
    const [one, none, ...more] = type.types;
    expect([none!.getText(), more]).toEqual(['null', []]);
    return `${inTable(one!)}?`;
  }
  if (ts.isTypeOperatorNode(type)) return inTable(type.type); // readonly
  if (ts.isArrayTypeNode(type)) return `${inTable(type.elementType)}[]`;
  const record = /^Record<string, (\w+)>$/.exec(type.getText());
  if (record) return `${record[1]}{}`;
  return type.getText() === 'SweepAxes' ? 'object' : type.getText();
}

/** The fields of an interface in the form of the table; `optional` allows fields that may be absent. */
function fields(name: string, optional = false): Record<string, string> {
  const members = interfaces.get(name)?.members.filter(ts.isPropertySignature) ?? [];
  return Object.fromEntries(
    members.map((field) => {
      expect(optional || !field.questionToken, `${name}.${field.name.getText()} may be absent`).toBe(true);
      return [field.name.getText(), inTable(field.type!)];
    }),
  );
}

/** Types of the table as TypeScript has them: one type of number. */
const inPage = (kinds: object): Record<string, string> =>
  JSON.parse(JSON.stringify(kinds).replaceAll('"integer', '"number')) as Record<string, string>;

test.each(Object.entries(table.payloads))('the interface %s is that of the table', (name, kinds) =>
  expect(fields(name)).toEqual(inPage(kinds)),
);

test('the table has every interface', () =>
  expect([...interfaces.keys()].filter((name) => name !== 'Traits').sort()).toEqual(
    Object.keys(table.payloads).sort(),
  ));

test.each(Object.entries(table.choices))('the choices %s are those of the table', (name, texts) =>
  expect(choices(aliases.get(name))).toEqual(texts),
);

test('the traits are those of the table', () => {
  const { autoplay, ...traits } = fields('Traits', true);
  expect(autoplay).toBe('boolean'); // set by the extension, not by the kernel
  expect(traits).toEqual(inPage(table.traits));
});
