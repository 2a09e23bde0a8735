// Pictures on standard input, one HTML page on standard output: each of them, light and dark.
//
// slack-blocks-to-jsx draws the blocks; what Slack draws around them is drawn here. The page asks no
// other machine for anything: fonts are files here, and so is what stands for a paper's picture.

import { readFileSync } from "node:fs";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Message } from "slack-blocks-to-jsx";

const file = (name) => new URL(name, import.meta.url).href;
const AVATAR = `<img class="avatar" src="${file("avatar.svg")}" alt="">`;

const STYLES = [
  "node_modules/@fontsource/lato/400.css",
  "node_modules/@fontsource/lato/700.css",
  "node_modules/@fontsource/lato/900.css",
  "node_modules/@fontsource/noto-color-emoji/emoji.css",
  "node_modules/slack-blocks-to-jsx/dist/style.css",
  "frame.css",
];

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text) => text.replace(/[&<>"]/g, (each) => ESCAPES[each]);

/** Blocks as the library takes them, where it takes them otherwise than Slack does. */
function prepared(value) {
  if (Array.isArray(value)) return value.map(prepared);
  if (value === null || typeof value !== "object") return value;
  // To Slack `verbatim` says that nothing becomes a link of itself, to the library that no mark counts.
  const { verbatim, ...rest } = value;
  const made = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, prepared(each)]));
  if ("image_url" in made) made.image_url = file("first-page.svg");
  // The library shows what is chosen once its scripts run, and here they do not.
  if (made.type === "static_select" && made.initial_option) made.placeholder = made.initial_option.text;
  return made;
}

function drawn(blocks, theme) {
  const props = { blocks: prepared(blocks), theme, withoutWrapper: true, name: "", logo: "" };
  return renderToStaticMarkup(createElement(Message, props));
}

const FRAMES = {
  message({ payload, place, time, reactions, replies, whisper }, theme) {
    const pills = reactions.map(([emoji, people]) => `<span>${emoji} <b>${people}</b></span>`);
    const thread = `${AVATAR}<b>${replies} replies</b> <time>Today at ${time}</time>`;
    return `
      <header>${escaped(place)}</header>
      <div class="post">
        ${AVATAR}
        <div class="said">
          ${whisper ? '<div class="whisper">Only visible to you</div>' : ""}
          <div class="name"><b>papers</b><i>APP</i><time>${time}</time></div>
          ${drawn(payload.blocks, theme)}
          ${pills.length ? `<div class="reactions">${pills.join("")}</div>` : ""}
          ${replies ? `<div class="thread">${thread}</div>` : ""}
        </div>
      </div>`;
  },

  modal({ payload: { title, submit, close, blocks } }, theme) {
    const shown = blocks.map(
      (block) => `<div class="${block.optional ? "optional" : ""}">${drawn([block], theme)}</div>`,
    );
    return `
      <header>${AVATAR}${escaped(title.text)}<span class="x">✕</span></header>
      <div class="view">${shown.join("")}</div>
      <footer><span>${escaped(close.text)}</span><b>${escaped(submit.text)}</b></footer>`;
  },

  home({ payload }, theme) {
    return `
      <header>${AVATAR}papers</header>
      <nav><b>Home</b><span>Messages</span><span>About</span></nav>
      <div class="view">${drawn(payload.blocks, theme)}</div>`;
  },
};

const articles = JSON.parse(readFileSync(0, "utf-8")).flatMap((picture) =>
  ["light", "dark"].map(
    (theme) => `
    <article id="${picture.name}-${theme}" class="${picture.kind}" data-theme="${theme}">
      ${FRAMES[picture.kind](picture, theme)}
    </article>`,
  ),
);

process.stdout.write(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>daily-papers in Slack</title>
${STYLES.map((name) => `<link rel="stylesheet" href="${file(name)}">`).join("\n")}
${articles.join("\n")}
<script>
  document.fonts.ready.then(() => {
    for (const each of document.querySelectorAll("article"))
      each.dataset.size = each.offsetWidth + "," + each.offsetHeight;
  });
</script>
</html>
`);
