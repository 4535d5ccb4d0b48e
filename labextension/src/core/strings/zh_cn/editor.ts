import type { editor as english } from '../en/editor';
import type { Translation } from '../types';

export const editor: Translation<typeof english> = {
  'editor.script': '脚本',
  'editor.placeholder': 'Anna: 每段发言写一行。\nBen: 每行以说话人的名字开头。',

  'editor.turn': '{speaker}：{state}，{length}',
  'editor.skipped_turn': '{speaker}：{reason}',
  'editor.about': '约 {length}',

  'editor.generated': '已生成 {length}',
  'editor.turns_skipped.other': '跳过 {count} 段',

  'editor.problems': '脚本中的问题',
  'editor.show_problems': '显示脚本中的问题（按 F8 转到下一个）',
  'editor.errors.other': '{count} 个错误',
  'editor.warnings.other': '{count} 个警告',
  'editor.line': '第 {n} 行',
  'editor.delete_it': '删除',
  'editor.split_here': '在此处分行',
  'editor.make_comment': '改为注释',
  'editor.replace_with': '替换为“{text}”',
};
