/* Ticking requests. Without it, each can still be ticked and taken. */
(function () {
  "use strict";

  function picks() { return Array.from(document.querySelectorAll("[data-pick]")); }

  function paint() {
    var all = document.querySelector("[data-pick-all]"), number = document.querySelector("[data-pick-count]");
    var ticked = picks().filter(function (one) { return one.checked; }).length;
    if (all) {
      all.hidden = false;
      all.querySelector("input").checked = ticked > 0 && ticked === picks().length;
      all.querySelector("input").indeterminate = ticked > 0 && ticked < picks().length;
    }
    if (number) number.textContent = ticked ? "(" + ticked + ")" : "what is ticked";
  }

  document.addEventListener("change", function (event) {
    if (event.target.closest("[data-pick-all]")) {
      picks().forEach(function (one) { one.checked = event.target.checked; });
    }
    paint();
  });
  /* The list is drawn anew as a whole. */
  var live = document.getElementById("cx-live");
  if (live) new MutationObserver(paint).observe(live, { attributes: true, attributeFilter: ["data-live"] });
  paint();
})();
