/* Content comes into the page when its button is pressed. It lies outside of what refreshes itself. */
(function () {
  "use strict";

  function place() { return document.getElementById("cx-about"); }

  function say(text) {
    var note = document.createElement("p");
    note.className = "cx-err";
    note.setAttribute("role", "alert");
    note.textContent = text;
    place().replaceChildren(note);
  }

  function put(text) {
    var seen = new DOMParser().parseFromString(text, "text/html").querySelector("[data-seen]");
    if (!seen) return say("Nothing was shown. Reload the page and try again.");
    var old = document.getElementById(seen.id), alerts = place().querySelectorAll("[role=alert]");
    alerts.forEach(function (alert) { alert.remove(); });
    if (old) old.replaceWith(seen); else place().append(seen);
    var heading = seen.querySelector("h2");
    heading.scrollIntoView({ block: "center" });
    heading.focus({ preventScroll: true });
  }

  function told(status) {
    if (status === 403) return "You are signed out, or may not see what runs are about. Sign in again, or ask an admin of this console.";
    if (status === 404) return "It is not there any more.";
    return "The server could not show it. Try again in a minute.";
  }

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.matches("form[data-reveal]") || !place()) return;
    event.preventDefault();
    var button = form.querySelector("button");
    button.disabled = true;
    fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } }).then(function (answer) {
      if (answer.redirected) return location.reload();
      if (!answer.ok) return say(told(answer.status));
      return answer.text().then(put);
    }).catch(function () {
      say("The console could not reach the server. Nothing was shown.");
    }).finally(function () { button.disabled = false; });
  });

  document.addEventListener("click", function (event) {
    var link = event.target.closest("[data-seen-close]");
    if (!link || !place() || !place().contains(link)) return;
    event.preventDefault();
    link.closest("[data-seen]").remove();
  });
})();
