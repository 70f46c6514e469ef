/* A long formula scrolls in its own box on a narrow page. Then the keyboard must reach that box (WCAG 2.1.1). */
(() => {
  "use strict";
  const watcher = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("div.math").forEach((box) => watcher.observe(box)));
})();
