/* The questions under "Check yourself". In the source each answer is a fold: open it, and it says whether it is right, and why. So they
   read in Colab and on GitHub too. Here the folds become buttons, and what a fold says appears below them. Nothing leaves the page. */
(() => {
  "use strict";

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    element.className = className;
    element.append(...children);
    return element;
  }

  /* The folds that follow a question, as one group of buttons. */
  function upgrade(question, folds, done) {
    const said = make("div", "quiz-said");
    said.setAttribute("role", "status");
    const mark = (button, right) => {
      button.classList.add(right ? "quiz-right" : "quiz-wrong");
      button.firstChild.textContent = right ? "✓ " : "✗ ";
    };
    const buttons = folds.map((fold) => {
      const [summary, ...why] = fold.children, right = why[0].textContent.startsWith("Right.");
      const button = make("button", "quiz-answer", make("span", "quiz-mark"), summary.textContent);
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.onclick = () => {
        for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
        mark(button, right);
        said.replaceChildren(...why);
        done(right);
      };
      return button;
    });
    const group = make("div", "quiz", ...buttons, said);
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", question.textContent);
    folds[0].before(group);
    folds.forEach((fold) => fold.remove());
  }

  document.addEventListener("DOMContentLoaded", () => {
    const section = document.getElementById("check-yourself");
    if (!section) return;
    const questions = [...section.querySelectorAll(":scope > p")].filter((p) => /^Question \d+\./.test(p.textContent));
    const first = new Map();                                                 // question -> was its first answer right?
    const score = make("p", "quiz-score");
    score.setAttribute("role", "status");
    for (const question of questions) {
      const folds = [];
      for (let next = question.nextElementSibling; next?.matches("details"); next = next.nextElementSibling) folds.push(next);
      upgrade(question, folds, (right) => {
        if (!first.has(question)) first.set(question, right);
        const good = [...first.values()].filter(Boolean).length;
        if (first.size === questions.length) score.textContent = `Right at the first try: ${good} of ${questions.length}.`;
      });
    }
    section.querySelector(":scope > p").textContent = "Choose the answer that you would give; the page says whether it is right, and why. Your answers stay in this page: nothing is sent, and nothing is stored.";
    section.append(score);
  });
})();
