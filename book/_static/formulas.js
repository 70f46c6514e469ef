/* The formulas. MathJax is heavy, so it is fetched when a formula is in view or the reader first scrolls; it then sets a
   few at a time, and the page answers in between. A long formula scrolls in its own box, which the keyboard must reach
   (WCAG 2.1.1). */
(() => {
  "use strict";
  const folder = document.currentScript.src.replace(/formulas\.js.*$/, "");
  const fits = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  const inView = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) fetchMathJax();
  });

  function fetchMathJax() {
    if (window.MathJax) return;
    inView.disconnect();
    window.MathJax = { loader: { load: [] }, startup: { typeset: false } };   // our mathjax.js holds all parts it needs
    const script = document.createElement("script");
    script.src = `${folder}mathjax/mathjax.js`;
    script.onload = set;
    document.head.append(script);
  }

  async function set() {
    await MathJax.startup.promise;
    const formulas = [...document.querySelectorAll(".math")];
    for (let i = 0; i < formulas.length; i += 4) {
      await MathJax.typesetPromise(formulas.slice(i, i + 4));
      await new Promise((next) => setTimeout(next));
    }
    document.querySelectorAll("div.math").forEach((box) => fits.observe(box));
    document.documentElement.dataset.formulas = "set";
  }

  addEventListener("load", () => {
    document.querySelectorAll(".math").forEach((formula) => inView.observe(formula));
    addEventListener("scroll", fetchMathJax, { once: true, passive: true });
  });
})();
