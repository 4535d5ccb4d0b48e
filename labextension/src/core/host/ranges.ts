/** Ranges of numeric settings: `ranges.json`, which a test compares with the ranges that the kernel accepts. */

export { default as RANGES } from '../../../../vibevoice_nb/widgets/ranges.json';
