// Keys go to the lab without a click into it first; not before it is connected, for textual.js tells it of the focus.
addEventListener("load", () => {
  new MutationObserver((_, seen) => {
    seen.disconnect();
    document.querySelector(".xterm-helper-textarea")?.focus();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
});
