// What pages do better with a script; each works without. Texts come from the page.
"use strict";
(() => {
  const all = (selector, f) => document.querySelectorAll(selector).forEach(f);

  // Look again as soon as something happened.
  all("[data-events]", (el) => {
    const source = new EventSource(el.dataset.events);
    source.addEventListener("state", (e) => {
      if (e.data !== el.dataset.state) {
        source.close();
        location.reload();
      }
    });
  });

  // Count down in words and bar, and look again at the end.
  all("[data-left]", (el) => {
    const end = performance.now() + el.dataset.left * 1000;
    const bar = document.getElementById(el.dataset.bar);
    const tick = () => {
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      el.textContent = Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0");
      if (bar) bar.value = left;
      if (left === 0) {
        clearInterval(timer);
        setTimeout(() => location.reload(), 800);
      }
    };
    const timer = setInterval(tick, 1000);
  });

  all("[data-copy]", (el) => {
    el.hidden = false;
    el.addEventListener("click", async () => {
      const field = document.getElementById(el.dataset.copy);
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        return; // it is selected, so that it can be copied by hand
      }
      const said = document.getElementById(el.dataset.said);
      said.textContent = said.dataset.text;
    });
  });

  all("[data-print]", (el) => {
    el.hidden = false;
    el.addEventListener("click", () => print());
  });

  // A form that was sent twice would act twice.
  all("form", (form) => form.addEventListener("submit", (e) => {
    if (form.dataset.sent) e.preventDefault();
    form.dataset.sent = "1";
  }));
  addEventListener("pageshow", () => all("form", (form) => delete form.dataset.sent));
})();
