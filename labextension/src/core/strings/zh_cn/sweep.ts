import type { sweep as english } from '../en/sweep';
import type { Translation } from '../types';

export const sweep: Translation<typeof english> = {
  'sweep.sweep': '参数扫描',
  'sweep.view': '视图',
  'sweep.grid': '网格',
  'sweep.table': '表格',
  'sweep.grid_label': '结果网格',
  'sweep.table_label': '结果表格',
  'sweep.results.other': '{count} 个结果',
  'sweep.results_ready.other': '已完成 {ready} / {count} 个结果',
  'sweep.play': '播放 {settings}',
  'sweep.waiting': '排队中',
  'sweep.speaking': '正在生成…',
  'sweep.cancelled': '已停止',
  'sweep.setting': '{name} {value}',
  'sweep.cfg': 'CFG',
  'sweep.steps': '步数',
  'sweep.seed': '种子',
  'sweep.solver': '求解器',
  'sweep.temperature': '温度',
  'sweep.length': '时长（秒）',
  'sweep.time': '耗时（秒）',
  'sweep.rtf': 'RTF',
  'sweep.loudness': 'LUFS',
};
