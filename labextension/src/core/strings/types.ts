/** Types of the catalogues. */

/** A Chinese catalogue has exactly the keys of the English one, without `.one`: Chinese has one plural form. */
export type Translation<English> = Record<Exclude<keyof English, `${string}.one`>, string>;

/** The names in braces in a text. */
export type Placeholder<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholder<Rest> : never;
