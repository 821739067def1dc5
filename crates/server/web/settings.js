// The settings of a look, by name: {min, max, step, default} of a number, {words, default} of a choice, {default} of a
// style. The server writes them into the page as the library has them.

export const settings = JSON.parse(document.getElementById("settings").textContent);
