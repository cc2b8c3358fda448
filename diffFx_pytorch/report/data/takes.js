(id) => {
  const box = document.getElementById(id);
  if (!box) return;
  const takes = [...box.querySelectorAll("audio")], row = box.querySelector(".fx-row"), place = row.querySelector("progress");
  const [play, ...buttons] = row.querySelectorAll("button");
  let heard = Math.min(1, takes.length - 1);
  const show = () => {
    buttons.forEach((b, i) => { b.setAttribute("aria-pressed", i === heard); b.style.fontWeight = i === heard ? "700" : ""; });
    const on = !takes[heard].paused;
    play.innerHTML = on ? "&#10074;&#10074;" : "&#9654;";
    play.setAttribute("aria-label", on ? "Pause" : "Play");
  };
  const stop = () => takes.forEach((take) => take.pause());
  const start = () => {
    document.dispatchEvent(new CustomEvent("fx-takes", { detail: id }));
    takes.forEach((take, i) => { take.muted = i !== heard; take.currentTime = takes[heard].currentTime; take.play().catch(() => {}); });
  };
  document.addEventListener("fx-takes", (event) => { if (event.detail !== id) stop(); });
  play.onclick = () => (takes[heard].paused ? start() : stop());
  buttons.forEach((button, i) => {
    button.onclick = () => {
      const before = takes[heard];
      heard = i;
      if (before.paused) { takes[i].currentTime = before.currentTime; start(); }
      else {
        if (Math.abs(takes[i].currentTime - before.currentTime) > 0.03) takes[i].currentTime = before.currentTime;
        takes.forEach((take, k) => { take.muted = k !== i; });
      }
      show();
    };
  });
  takes.forEach((take) => {
    take.loop = true;
    take.parentElement.style.display = "none";
    ["play", "pause"].forEach((event) => take.addEventListener(event, show));
    take.addEventListener("timeupdate", () => { place.value = take.duration ? takes[heard].currentTime / take.duration : 0; });
  });
  if (takes.length < 2) buttons.forEach((button) => { button.hidden = true; });
  row.hidden = false;
  show();
}
