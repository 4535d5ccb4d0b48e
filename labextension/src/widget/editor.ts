import { mountEditor } from '../core/editor';
import { widget } from './adapter';

export default widget('editor', mountEditor);
