// Players that go from before to after without losing the place. One sounds at a time.
(() => {
  const stop = (box) => {
    box.querySelectorAll("audio").forEach((a) => a.pause());
    box.classList.remove("playing");
    const button = box.querySelector(".play");
    button.innerHTML = "&#9654;";
    button.setAttribute("aria-label", "Play");
  };
  const start = (box) => {
    document.querySelectorAll(".listen.playing").forEach((other) => other !== box && stop(other));
    const takes = [...box.querySelectorAll("audio")];
    const shown = [...box.querySelectorAll(".take")].findIndex((b) => b.getAttribute("aria-pressed") === "true");
    takes.forEach((a, i) => { a.muted = i !== shown; a.play().catch(() => stop(box)); });
    box.classList.add("playing");
    const button = box.querySelector(".play");
    button.innerHTML = "&#10074;&#10074;";
    button.setAttribute("aria-label", "Pause");
  };
  const ready = () => document.querySelectorAll(".listen:not([data-ready])").forEach((box) => {
    box.dataset.ready = "yes";
    const takes = [...box.querySelectorAll("audio")];
    const buttons = [...box.querySelectorAll(".take")];
    box.querySelector(".play").onclick = () => (box.classList.contains("playing") ? stop(box) : start(box));
    buttons.forEach((button, i) => {
      button.onclick = () => {
        buttons.forEach((b, j) => b.setAttribute("aria-pressed", String(i === j)));
        const other = takes[1 - i];
        if (box.classList.contains("playing") && Math.abs(takes[i].currentTime - other.currentTime) > 0.03)
          takes[i].currentTime = other.currentTime;
        takes.forEach((a, j) => { a.muted = i !== j; });
        if (!box.classList.contains("playing")) start(box);
      };
    });
    takes[0].ontimeupdate = () => {
      box.querySelector("progress").value = takes[0].duration ? takes[0].currentTime / takes[0].duration : 0;
    };
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready); else ready();
  if (window.document$) window.document$.subscribe(ready);
})();
