/** Colors in OKLab, where equal steps look equal, so that a theme can set the lightness. */

export type Rgb = readonly [number, number, number];
type Lab = readonly [number, number, number];

const toLinear = (value: number): number => {
  const x = value / 255;
  return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
};

const fromLinear = (x: number): number => {
  const clipped = Math.min(1, Math.max(0, x));
  return Math.round(255 * (clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055));
};

export function toLab(rgb: Rgb): Lab {
  const [r, g, b] = rgb.map(toLinear) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

export function fromLab([lightness, a, b]: Lab): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    fromLinear(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    fromLinear(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    fromLinear(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** A speaker's color, with its lightness adjusted to be legible on the theme's background. */
export function legible(color: Rgb, dark: boolean): Rgb {
  const [lightness, a, b] = toLab(color);
  const [low, high] = dark ? [0.7, 0.84] : [0.46, 0.62];
  return fromLab([Math.min(high, Math.max(low, lightness)), a, b]);
}

export const css = ([r, g, b]: Rgb, alpha = 1): string => `rgb(${r} ${g} ${b} / ${alpha})`;

/** Colors and font of the current theme, for canvases. */
export interface Palette {
  dark: boolean;
  ground: Rgb;
  text: string;
  muted: string;
  line: string;
  accent: string;
  plain: Rgb;
  font: string;
}

/** Read the theme's colors from an element in the page. */
export function paletteOf(element: HTMLElement): Palette {
  const probe = document.createElement('span');
  element.append(probe);
  const read = (value: string): string => {
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const ground = parse(read('var(--vvnb-sunken)'));
  const dark = toLab(ground)[0] < 0.6;
  const palette = {
    dark,
    ground,
    text: read('var(--vvnb-text)'),
    muted: read('var(--vvnb-muted)'),
    line: read('var(--vvnb-line)'),
    accent: read('var(--vvnb-accent)'),
    plain: parse(read('var(--vvnb-muted)')),
    font: getComputedStyle(element).fontFamily,
  };
  probe.remove();
  return palette;
}

let pixel: CanvasRenderingContext2D | null = null;

/** Parse any CSS color. */
export function parse(color: string): Rgb {
  pixel ??= Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', {
    willReadFrequently: true,
  });
  if (!pixel) return [128, 128, 128];
  pixel.fillStyle = '#808080'; // kept if the text is not a color
  pixel.fillStyle = color;
  pixel.fillRect(0, 0, 1, 1);
  const [r, g, b] = pixel.getImageData(0, 0, 1, 1).data;
  return [r!, g!, b!];
}
