// The settings of a look, by name: {min, max, step, default} of a number, {words, default} of a choice, {default} of a
// style. The server puts them here as the library has them.

export const settings = __SETTINGS__;
