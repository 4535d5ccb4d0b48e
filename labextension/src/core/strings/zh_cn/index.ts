import { cast } from './cast';
import { common } from './common';
import { controls } from './controls';
import { editor } from './editor';
import { exporting } from './export';
import { lab } from './lab';
import { player } from './player';
import { review } from './review';
import { say } from './say';
import { studio } from './studio';
import { sweep } from './sweep';
import { takes } from './takes';

export const zhCn = {
  ...cast,
  ...common,
  ...controls,
  ...editor,
  ...exporting,
  ...lab,
  ...player,
  ...review,
  ...say,
  ...studio,
  ...sweep,
  ...takes,
};
