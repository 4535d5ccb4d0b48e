/**
 * Texts of the user interface: `t('player.play')`, `t('takes.delete', { name })`, `t('common.turns', { count })`.
 *
 * - One catalogue per area and language: `en/player.ts`, `zh_cn/player.ts`. A key is `area.name`, written in full
 *   where it is defined and where it is used, so that a search finds both. `common` is for texts of several areas.
 * - English comes first and is the type of the others: a missing, an extra or a misspelled key does not compile.
 *   Placeholders are named in braces, `{name}`; their values are checked by the compiler, and a test checks that
 *   every language uses the same ones.
 * - A text that depends on a number has the keys `x.one` and `x.other` and is called `t('x', { count })`;
 *   `Intl.PluralRules` chooses. Chinese has `x.other` only.
 * - Whole sentences only: never join pieces of a sentence, because word order differs between languages.
 * - Call `t` when something is rendered, never at the top level of a module: the language is set before anything is
 *   mounted, but after modules are loaded.
 * - What comes from Python (names, diagnostics, errors) is English and is shown as it is.
 */

import { en } from './en';
import type { Placeholder } from './types';
import { zhCn } from './zh_cn';

type English = typeof en;
type Key = keyof English;
type Plural<K> = K extends `${infer Base}.other` ? Base : never;

/** Argument of `t`: a key, or a key without its plural form. */
export type TextKey = Exclude<Key, `${string}.one` | `${string}.other`> | Plural<Key>;

type TextOf<K> = K extends Key
  ? English[K]
  : `${K & string}.other` extends Key
    ? English[`${K & string}.other`]
    : never;
type Values<Names extends string> = Record<Names, string | number>;
type Arguments<Names extends string> = [Names] extends [never] ? [] : [values: Values<Names>];

export type Language = 'en' | 'zh_cn';

const CATALOGS: Record<Language, Readonly<Record<string, string>>> = { en, zh_cn: zhCn };

let language: Language = 'en';
let plurals = new Intl.PluralRules('en');

/** Language of the interface for a BCP 47 tag, also with an underscore: Simplified Chinese, or else English. */
export function languageOf(tag: string): Language {
  try {
    const { language: name, script } = new Intl.Locale(tag.replace('_', '-')).maximize();
    return name === 'zh' && script === 'Hans' ? 'zh_cn' : 'en';
  } catch {
    return 'en'; // not a tag
  }
}

/** Choose the language, before anything is mounted; by default that of the page. */
export function setLanguage(tag: string = pageLanguage()): void {
  language = languageOf(tag);
  plurals = new Intl.PluralRules(language === 'en' ? 'en' : 'zh');
}

export const currentLanguage = (): Language => language;

/** Join names to a list: "Anna and Ben"; in Chinese with spaces between 和 and Latin names. */
export function listOf(names: readonly string[]): string {
  const parts = new Intl.ListFormat(language === 'en' ? 'en' : 'zh-CN').formatToParts(names);
  const text = (at: number): string => parts[at]?.value ?? '';
  return parts
    .map(({ type, value }, at) => {
      if (type === 'element' || value !== '和') return value;
      const [before, after] = [
        /[\p{Script=Latin}\d]$/u.test(text(at - 1)),
        /^[\p{Script=Latin}\d]/u.test(text(at + 1)),
      ];
      return `${before ? ' ' : ''}和${after ? ' ' : ''}`;
    })
    .join('');
}

const KEY = Symbol.for('vibevoice-nb.language');
const page = globalThis as { [KEY]?: string };

/** Choose the language for the whole page: JupyterLab's, for the widgets too, whose code is loaded separately. */
export function setPageLanguage(tag: string): void {
  page[KEY] = tag;
  setLanguage(tag);
}

/** JupyterLab's language, if it is known; else that of the document, or of the browser. */
const pageLanguage = (): string => page[KEY] ?? (document.documentElement.lang || navigator.language || 'en');

/** Return a text of the interface, with its placeholders filled in. */
export function t<K extends TextKey>(key: K, ...[values]: Arguments<Placeholder<TextOf<K>>>): string {
  const catalog = CATALOGS[language];
  const given = (values ?? {}) as Values<string>;
  const text = catalog[key] ?? catalog[`${key}.${plurals.select(Number(given['count']))}`] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(given[name] ?? whole));
}
