/** CodeMirror theme built from the studio's CSS variables, so that it follows light and dark themes. */

import { EditorView } from '@codemirror/view';

// A speaker's color may be hard to read as text: darken it on a light background, lighten it on a dark one.
const SPEAKER = 'var(--speaker, var(--vvnb-text))';
const READABLE = `light-dark(color-mix(in oklab, ${SPEAKER} 78%, #000), color-mix(in oklab, ${SPEAKER} 62%, #fff))`;

const spokenBackground = (surface: string): string =>
  `color-mix(in srgb, var(--speaker, var(--vvnb-accent)), var(--vvnb-surface) ${surface})`;

const button = {
  font: 'inherit',
  color: 'var(--vvnb-text)',
  background: 'var(--vvnb-raised)',
  border: '1px solid var(--vvnb-edge)',
  borderRadius: 'var(--vvnb-radius)',
  padding: '2px 8px',
  cursor: 'pointer',
};

export const theme = EditorView.theme({
  '&': {
    color: 'var(--vvnb-text)',
    backgroundColor: 'var(--vvnb-surface)',
    fontSize: 'var(--vvnb-editor-size, 14px)',
    maxHeight: 'var(--vvnb-editor-height, 460px)',
  },
  '&.cm-focused': { outline: '2px solid var(--vvnb-focus)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--vvnb-font)', lineHeight: '1.6', minHeight: '9em' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--vvnb-text)' },
  '.cm-content:focus-visible': { outline: 'none' }, // the editor's frame shows the focus
  '.cm-line': { padding: '1px 12px 1px 6px' },
  '.cm-placeholder': { color: 'var(--vvnb-muted)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--vvnb-text) 4%, transparent)' },
  '.cm-line ::selection, .cm-line::selection': {
    backgroundColor: 'color-mix(in srgb, var(--vvnb-accent) 32%, transparent)',
  },

  '.cm-vvLabel': { color: READABLE, fontWeight: 650 },
  '.cm-vvPause': {
    color: 'var(--vvnb-muted)',
    backgroundColor: 'var(--vvnb-hover)',
    borderRadius: '4px',
    padding: '1px 3px',
    fontSize: '0.9em',
  },
  '.cm-vvRead': { borderBottom: '1.5px dotted var(--vvnb-muted)' },
  '.cm-vvHeard': {
    borderBottom: '2px dashed var(--vvnb-danger)',
    backgroundColor: 'var(--vvnb-danger-soft)',
    borderRadius: '2px 2px 0 0',
  },
  '.cm-vvHeard[data-certain=false]': { borderBottomColor: 'var(--vvnb-muted)', backgroundColor: 'transparent' },
  '.cm-vvInserted': {
    display: 'inline-block',
    width: '0',
    height: '0',
    margin: '0 1px',
    border: '4px solid transparent',
    borderBottom: '6px solid var(--vvnb-danger)',
    borderTop: 'none',
  },
  '.cm-vvInserted[data-certain=false]': { borderBottomColor: 'var(--vvnb-muted)' },
  '.cm-vvComment': { color: 'var(--vvnb-muted)', fontStyle: 'italic' },
  '.cm-vvSpoken': {
    borderRadius: '4px',
    backgroundColor: `light-dark(${spokenBackground('66%')}, ${spokenBackground('46%')})`,
  },
  '.cm-vvCurrent': { backgroundColor: 'var(--vvnb-accent-soft)', boxShadow: 'inset 3px 0 var(--vvnb-accent)' },

  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--vvnb-muted)', border: 'none' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent' },
  '.cm-vvTurns .cm-gutterElement': { padding: '1px 2px 1px 8px', fontSize: 'var(--vvnb-small)' },
  '.cm-vvTurn': {
    display: 'flex',
    alignItems: 'center',
    gap: '5px',
    height: '1.6em',
    fontSize: '1em',
    lineHeight: '1',
    fontVariantNumeric: 'tabular-nums',
    cursor: 'grab',
  },
  '.cm-vvTurn svg': {
    flex: 'none',
    fill: 'none',
    stroke: `light-dark(${SPEAKER}, color-mix(in oklab, ${SPEAKER} 62%, #fff))`,
    strokeWidth: '1.8',
    strokeLinecap: 'round',
    strokeLinejoin: 'round',
  },
  '.cm-vvTurn[data-state=queued] svg': { strokeWidth: '3' },
  '.cm-vvTurn[data-state=changed] svg, .cm-vvTurn[data-state=partial] svg, .cm-vvTurn[data-state=context] svg, .cm-vvTurn[data-state=unspeakable] svg':
    { stroke: 'var(--vvnb-warning)' },
  '.cm-vvTurn[data-state=spoken], .cm-vvTurn[data-state=partial], .cm-vvTurn[data-state=context]': {
    cursor: 'pointer',
  },
  '.cm-vvDiffers': { display: 'inline-flex', fontSize: '12px' },
  '.cm-vvTurn .cm-vvDiffers svg': { stroke: 'var(--vvnb-danger)' },
  '.cm-vvTurn .cm-vvDiffers[data-certain=false] svg': { stroke: 'var(--vvnb-muted)' },
  '.cm-vvSeconds': { minWidth: '3.6em', textAlign: 'right', whiteSpace: 'nowrap' },

  '.cm-lintRange-error': wavy('danger'),
  '.cm-lintRange-warning': wavy('warning'),
  '.cm-lintRange-info': { backgroundImage: 'none', borderBottom: '1px dotted var(--vvnb-muted)' },
  '.cm-lintPoint': { display: 'none' },
  '.cm-diagnostic': { padding: '4px 8px', fontFamily: 'var(--vvnb-font)', borderLeft: '3px solid var(--vvnb-edge)' },
  '.cm-diagnostic-error': { borderLeftColor: 'var(--vvnb-danger)' },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--vvnb-warning)' },
  '.cm-diagnosticAction': { ...button, marginLeft: '8px' },

  '.cm-tooltip': {
    color: 'var(--vvnb-text)',
    backgroundColor: 'var(--vvnb-raised)',
    border: '1px solid var(--vvnb-line)',
    borderRadius: 'var(--vvnb-radius)',
    boxShadow: 'var(--vvnb-shadow)',
    fontSize: 'var(--vvnb-size)',
    maxWidth: '36em',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--vvnb-font)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    color: 'var(--vvnb-on-accent)',
    backgroundColor: 'var(--vvnb-accent)',
  },

  '.cm-panels': { color: 'var(--vvnb-text)', backgroundColor: 'var(--vvnb-sunken)', fontSize: 'var(--vvnb-size)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--vvnb-line)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--vvnb-line)' },
  '.cm-panel.cm-search': { padding: '8px 32px 8px 8px', fontFamily: 'var(--vvnb-font)' },
  '.cm-panel.cm-search label': { fontSize: 'var(--vvnb-small)', whiteSpace: 'nowrap' },
  '.cm-textfield': {
    font: 'inherit',
    color: 'var(--vvnb-text)',
    backgroundColor: 'var(--vvnb-surface)',
    border: '1px solid var(--vvnb-edge)',
    borderRadius: 'var(--vvnb-radius)',
    padding: '3px 6px',
  },
  '.cm-button': { ...button, backgroundImage: 'none' },
  '.cm-panel.cm-search [name=close]': {
    color: 'var(--vvnb-text)',
    fontSize: '18px',
    width: '24px',
    height: '24px',
    cursor: 'pointer',
  },
  '.cm-searchMatch': { backgroundColor: 'var(--vvnb-warning-soft)', outline: '1px solid var(--vvnb-warning)' },
  '.cm-searchMatch.cm-searchMatch-selected': {
    backgroundColor: 'color-mix(in srgb, var(--vvnb-warning) 24%, transparent)',
  },
  '.cm-selectionMatch': { backgroundColor: 'var(--vvnb-hover)' },
});

function wavy(tone: string) {
  return {
    backgroundImage: 'none',
    textDecoration: `underline wavy 1px var(--vvnb-${tone})`,
    textUnderlineOffset: '3px',
    textDecorationSkipInk: 'none',
  };
}
