import { mountEditor } from '../core/editor/editor';
import { widget } from './adapter';

export default widget('editor', mountEditor);
