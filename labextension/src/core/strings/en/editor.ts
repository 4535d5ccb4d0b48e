export const editor = {
  'editor.script': 'Script',
  'editor.placeholder': 'Anna: Write one line for each turn.\nBen: Begin each line with the speaker’s name.',

  // gutter
  'editor.turn': '{speaker}: {state}, {length}',
  'editor.skipped_turn': '{speaker}: {reason}',
  'editor.about': 'about {length}',

  // footer
  'editor.generated': '{length} generated',
  'editor.turns_skipped.one': '{count} turn skipped',
  'editor.turns_skipped.other': '{count} turns skipped',

  // problems
  'editor.problems': 'Problems in the script',
  'editor.show_problems': 'Show the problems in the script (F8 goes to the next one)',
  'editor.errors.one': '{count} error',
  'editor.errors.other': '{count} errors',
  'editor.warnings.one': '{count} warning',
  'editor.warnings.other': '{count} warnings',
  'editor.line': 'Line {n}',
  'editor.expected': 'Expected: {expected}',
  'editor.delete_it': 'Delete it',
  'editor.split_here': 'Split here',
  'editor.make_comment': 'Make it a comment',
  'editor.replace_with': 'Replace with “{text}”',

  // CodeMirror
  'editor.find': 'Find',
  'editor.replace': 'Replace',
  'editor.next': 'Next',
  'editor.previous': 'Previous',
  'editor.all': 'All',
  'editor.match_case': 'Match case',
  'editor.regexp': 'Regular expression',
  'editor.by_word': 'Whole word',
  'editor.replace_all': 'Replace all',
  'editor.close': 'Close',
  'editor.current_match': 'current match',
  'editor.on_line': 'on line',
  'editor.replaced_matches': 'replaced {n} matches',
  'editor.replaced_match': 'replaced match on line {line}',
  'editor.go_to_line': 'Go to line',
  'editor.go': 'Go',
  'editor.completions': 'Completions',
} as const;
