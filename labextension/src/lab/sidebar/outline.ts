/** Small waveform from percentages. */

import { svg } from '../../core/ui/dom';

const PITCH = 3;
const WIDTH = 2;
const HEIGHT = 24;

export function outline(bars: readonly number[]): SVGElement {
  const path = bars
    .map((percent, at) => {
      const size = Math.max(1.5, (Math.min(100, Math.max(0, percent)) / 100) * HEIGHT);
      return `M${at * PITCH} ${((HEIGHT - size) / 2).toFixed(1)}h${WIDTH}v${size.toFixed(1)}h-${WIDTH}z`;
    })
    .join('');
  return svg(
    'svg',
    {
      class: 'vvnb-lab-outline',
      viewBox: `0 0 ${Math.max(1, bars.length) * PITCH - 1} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    },
    svg('path', { d: path }),
  );
}
