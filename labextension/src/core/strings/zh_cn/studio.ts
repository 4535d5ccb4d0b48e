import type { studio as english } from '../en/studio';
import type { Translation } from '../types';

export const studio: Translation<typeof english> = {
  'studio.title': '工作室',
  'studio.script': '脚本',
  'studio.cast': '配音',
  'studio.settings': '设置',
  'studio.model': '模型',
  'studio.player': '播放器',
  'studio.takes': '版本',
  'studio.export': '导出',
  'studio.side_tabs': '音色与设置',
  'studio.result_tabs': '版本与导出',
  'studio.changed_turns': '生成后已更改的发言',

  'studio.nano': '内置小模型',
  'studio.model_name': '{name}，{kind}',
  'studio.model_ready': '模型：{name}，已加载',
  'studio.model_loading': '模型：{name}，正在加载',
  'studio.model_failed': '模型：{name}，加载失败',
  'studio.model_unloaded': '模型：{name}，未加载',

  'studio.keys': '键盘快捷键',
  'studio.keys_hint': '键盘快捷键（?）',
  'studio.key_generate': '生成缺少的部分',
  'studio.key_stop': '停止生成',
  'studio.key_help': '显示快捷键',

  'studio.kernel_silent': '内核没有响应。',
  'studio.kernel_advice': '已生成的音频保存在磁盘上。{advice}。',
  'studio.run_cell_again': '内核运行后，请重新运行该单元格',
  'studio.read_only': '此项目为只读。',

  'studio.not_saved': '此项目尚未保存。',
  'studio.script_not_saved': '此处显示的脚本尚未写入项目文件夹。保存之前请勿关闭此页面。',
  'studio.recreate': '在此重新创建',
  'studio.recreate_hint': '用此处显示的脚本、音色和设置重新创建文件夹',
  'studio.retry': '重试',
  'studio.retry_hint': '保存当前显示的内容',
  'studio.save_copy_elsewhere': '另存副本',
  'studio.save_copy_hint': '以其他名称保存项目，并继续使用该副本',
  'studio.copy_folder': '副本的文件夹',
  'studio.save_copy': '保存副本',

  'studio.welcome': '每行一段发言：姓名、冒号、台词。',
  'studio.example': '两位说话人，十秒',
  'studio.example_hint': '从示例开始',
};
