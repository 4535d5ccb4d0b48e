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
  'editor.expected': '应为：{expected}',
  'editor.delete_it': '删除',
  'editor.split_here': '在此处分行',
  'editor.make_comment': '改为注释',
  'editor.replace_with': '替换为“{text}”',

  // CodeMirror
  'editor.find': '查找',
  'editor.replace': '替换',
  'editor.next': '下一个',
  'editor.previous': '上一个',
  'editor.all': '全部',
  'editor.match_case': '区分大小写',
  'editor.regexp': '正则表达式',
  'editor.by_word': '全字匹配',
  'editor.replace_all': '全部替换',
  'editor.close': '关闭',
  'editor.current_match': '当前匹配项',
  'editor.on_line': '位于行',
  'editor.replaced_matches': '已替换 {n} 处',
  'editor.replaced_match': '已替换第 {line} 行的匹配项',
  'editor.go_to_line': '转到行',
  'editor.go': '转到',
  'editor.completions': '补全建议',
};
