/** List of the script's problems under the editor, each with its line and its quick fixes. */

import { forEachDiagnostic, type Diagnostic } from '@codemirror/lint';
import type { EditorView } from '@codemirror/view';

import { h, replace } from '../ui/dom';
import { icon } from '../ui/icons';
import { t } from '../strings';

const MOST = 100;

export class Problems {
  readonly button = h('button', {
    type: 'button',
    class: 'vvnb-button',
    'data-kind': 'quiet',
    'data-size': 'small',
    'aria-expanded': false,
    title: t('editor.show_problems'),
    onclick: () => this.toggle(),
  });
  readonly list = h('ul', { class: 'vvnb-editor-problems', 'aria-label': t('editor.problems'), hidden: true });

  constructor(private readonly view: () => EditorView) {}

  /** Open or close the list. */
  toggle(open = this.list.hidden === true): boolean {
    this.list.hidden = !open || !this.list.children.length;
    this.button.setAttribute('aria-expanded', String(!this.list.hidden));
    return true;
  }

  show(diagnostics: readonly Diagnostic[]): void {
    const problems = diagnostics.filter(({ severity }) => severity !== 'info');
    const errors = problems.filter(({ severity }) => severity === 'error').length;
    const warnings = problems.length - errors;
    const counts = [
      errors && t('editor.errors', { count: errors }),
      warnings && t('editor.warnings', { count: warnings }),
    ];
    const text = counts.filter(Boolean).join(', ');
    this.button.hidden = !problems.length;
    this.button.dataset['tone'] = errors ? 'danger' : 'warning';
    if (this.button.textContent !== text) replace(this.button, icon('alert'), text);
    replace(this.list, ...problems.slice(0, MOST).map((problem) => this.item(problem)));
    this.toggle(!this.list.hidden);
  }

  private item(problem: Diagnostic): HTMLLIElement {
    const line = this.view().state.doc.lineAt(problem.from).number;
    const { message, severity, actions = [] } = problem;
    return h(
      'li',
      { 'data-severity': severity },
      h(
        'button',
        { type: 'button', class: 'vvnb-button', 'data-kind': 'link', onclick: () => this.go(problem) },
        t('editor.line', { n: line }),
      ),
      h('span', null, message),
      ...actions.map(({ name, apply }) =>
        h(
          'button',
          { type: 'button', class: 'vvnb-button', 'data-size': 'small', onclick: () => this.go(problem, apply) },
          name,
        ),
      ),
    );
  }

  /** Select a problem's text, at its present position, and apply a quick fix to it. */
  private go(problem: Diagnostic, apply?: (view: EditorView, from: number, to: number) => void): void {
    const view = this.view();
    forEachDiagnostic(view.state, (one, from, to) => {
      if (one !== problem) return;
      view.dispatch({ selection: { anchor: from, head: to }, scrollIntoView: true });
      apply?.(view, from, to);
    });
    view.focus();
  }
}
