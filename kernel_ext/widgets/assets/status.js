// One line that says what is going on. The element stays while its text changes, so that screen readers tell of every change.
function render({ model, el }) {
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  const update = () => {
    line.textContent = model.get("text");
    line.className = model.get("failed") ? "sf-status sf-status-failed" : "sf-status";
  };
  model.on("change:text", update);
  model.on("change:failed", update);
  el.appendChild(line);
  update();
  return () => {
    model.off("change:text", update);
    model.off("change:failed", update);
  };
}

export default { render };
