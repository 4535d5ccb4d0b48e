export const takes = {} as const;
