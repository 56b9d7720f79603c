/** The line that differs from version to version. */
export const greeting = 'Field notes, version 1';
