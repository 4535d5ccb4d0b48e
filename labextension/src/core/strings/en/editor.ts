export const editor = {
  'editor.script': 'Script',
  'editor.placeholder': 'Anna: Write one line for each turn.\nBen: Begin each line with the speaker’s name.',

  // states of a turn, in the gutter
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
  'editor.delete_it': 'Delete it',
  'editor.split_here': 'Split here',
  'editor.make_comment': 'Make it a comment',
  'editor.replace_with': 'Replace with “{text}”',
} as const;
