import type { common as english } from '../en/common';
import type { Translation } from '../types';

export const common: Translation<typeof english> = {
  'common.turns.other': '{count} 段发言',
  'common.speakers.other': '{count} 位说话人',
  'common.takes.other': '{count} 个版本',
  'common.and': '{first} 和 {second}',

  'common.seconds': '{value} 秒',
  'common.minutes': '{minutes} 分钟',
  'common.minutes_seconds': '{minutes} 分 {seconds} 秒',
  'common.hours': '{hours} 小时',
  'common.hours_minutes': '{hours} 小时 {minutes} 分',
  'common.real_time': '与实时相当（RTF {rtf}）',
  'common.faster': '比实时快 {times} 倍（RTF {rtf}）',
  'common.slower': '比实时慢 {times} 倍（RTF {rtf}）',

  'common.play': '播放',
  'common.pause': '暂停',
  'common.stop': '停止',
  'common.dismiss': '关闭提示',
  'common.help': '帮助：{subject}',
  'common.expected': '应为：{text}。',
  'common.remedy': '解决方法：{text}。',
};
