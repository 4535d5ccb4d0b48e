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

  'common.kernel_gone': '内核已重启或停止',
  'common.kernel_gone_expected': '正在运行的内核',
  'common.kernel_gone_remedy': '重新运行该单元格',
  'common.no_kernel': '没有内核时无法使用 {method}',
  'common.kernel_failed': '{name}：{message}',
  'common.kernel_no_answer': '内核没有响应',
  'common.kernel_package': '已安装 vibevoice-nb 的 Python 内核',
  'common.kernel_package_remedy': '在其中运行 %pip install vibevoice-nb，或选择其他内核',

  'common.mic_expected': '此页面可以使用的麦克风',
  'common.mic_denied': '麦克风访问被拒绝',
  'common.mic_denied_remedy': '在地址栏中允许此页面使用麦克风，然后重新录音',
  'common.mic_missing': '未找到麦克风',
  'common.mic_missing_remedy': '请连接麦克风，或改为上传录音',
  'common.mic_busy': '麦克风正被其他程序占用',
  'common.mic_busy_remedy': '请关闭该程序，然后重新录音',
  'common.mic_insecure': '此页面不能使用麦克风',
  'common.mic_insecure_remedy': '请通过 HTTPS 或在 localhost 上打开笔记本',
  'common.mic_failed': '录音失败',
  'common.mic_failed_remedy': '请重试，或改为上传录音',
};
