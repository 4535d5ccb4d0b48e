/** CodeMirror's own texts in the language of the page. */

import { EditorState, type Extension } from '@codemirror/state';

import { t } from '../strings';

export const phrases = (): Extension =>
  EditorState.phrases.of({
    Find: t('editor.find'),
    Replace: t('editor.replace'),
    next: t('editor.next'),
    previous: t('editor.previous'),
    all: t('editor.all'),
    'match case': t('editor.match_case'),
    regexp: t('editor.regexp'),
    'by word': t('editor.by_word'),
    replace: t('editor.replace'),
    'replace all': t('editor.replace_all'),
    close: t('editor.close'),
    'current match': t('editor.current_match'),
    'on line': t('editor.on_line'),
    'replaced $ matches': t('editor.replaced_matches', { n: '$' }),
    'replaced match on line $': t('editor.replaced_match', { line: '$' }),
    'Go to line': t('editor.go_to_line'),
    go: t('editor.go'),
    Completions: t('editor.completions'),
    Diagnostics: t('editor.problems'),
  });
