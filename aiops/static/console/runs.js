/* The list of runs keeps its rows up to date where they are: it never moves them under the eyes. */
(function () {
  "use strict";

  var PERIOD_MS = 10000, IDLE_MS = 15 * 60 * 1000, SWITCH = "cx-live";
  var lastTouched = Date.now(), asking = false;

  function top() { return document.getElementById("cx-runs"); }
  function isOn() { return localStorage.getItem(SWITCH) !== "off"; }

  function rows(page) {
    var found = new Map();
    page.querySelectorAll("#result_list tr.data-row").forEach(function (row) {
      var title = row.querySelector(".field-told a");
      if (title) found.set(title.getAttribute("href").split("?")[0], row);
    });
    return found;
  }

  function isOpen(row) {
    var peek = row.nextElementSibling;
    return Boolean(peek) && peek.offsetParent !== null;
  }

  /* Whoever reads, ticks, types or decides must not be disturbed. */
  function isBusy() {
    var dialog = document.querySelector("dialog[open]"), sheet = document.getElementById("changelist-filter");
    return document.hidden || Date.now() - lastTouched > IDLE_MS || Boolean(dialog) ||
      (sheet && sheet.offsetParent !== null) ||
      document.querySelector("input.action-select:checked, input[type=text]:focus, textarea:focus, select:focus") ||
      Array.from(rows(document).values()).some(isOpen) ||
      String(window.getSelection()).length > 3;
  }

  function say(text) {
    var place = document.getElementById("cx-announce");
    if (place && place.textContent !== text) place.textContent = text;
  }

  /* What a row says is put into the row; ticks and openers stay. */
  function renew(old, fresh) {
    old.querySelectorAll("[class*=field-]").forEach(function (cell) {
      var name = Array.from(cell.classList).find(function (one) { return one.startsWith("field-"); });
      var other = fresh.querySelector("." + name);
      if (!other || cell.innerHTML === other.innerHTML) return;
      /* The focus is not taken from a link that somebody stands on. */
      if (!cell.contains(document.activeElement)) cell.innerHTML = other.innerHTML;
    });
  }

  function take(text) {
    var page = new DOMParser().parseFromString(text, "text/html");
    var fresh = page.getElementById("cx-runs"), now = rows(document), then = rows(page);
    if (!fresh || isBusy()) return;
    top().dataset.version = fresh.dataset.version;
    top().querySelector(".cx-tabs").innerHTML = fresh.querySelector(".cx-tabs").innerHTML;
    now.forEach(function (row, key) { if (then.has(key)) renew(row, then.get(key)); });
    document.getElementById("cx-news").hidden = Array.from(now.keys()).join() === Array.from(then.keys()).join();
  }

  function look() {
    if (!top() || asking || !isOn() || isBusy()) return;
    asking = true;
    var options = { headers: { "X-Requested-With": "XMLHttpRequest" } };
    fetch(top().dataset.runsLive + "?v=" + top().dataset.version, options).then(function (answer) {
      if (answer.status === 204) return say("");
      if (answer.status !== 200 || answer.redirected) return say("You are signed out, or may not see runs any more. Sign in again.");
      return fetch(location.href, options).then(function (list) { return list.ok ? list.text() : ""; }).then(function (text) {
        say("");
        if (text) take(text);
      });
    }).catch(function () {
      say("The console could not reach the server. What you see may be old.");
    }).finally(function () { asking = false; });
  }

  /* What is not a run at a glance (a sign-in, an error) is not put below its row. */
  function refuse(event) {
    var peek = event.detail.elt.closest(".cx-peek"), answer = event.detail.xhr;
    if (!peek || (answer && answer.status === 200 && answer.responseURL.includes("/peek/"))) return;
    event.detail.shouldSwap = false;
    peek.textContent = "This run could not be read. Load the page again.";
  }

  ["htmx:beforeSwap", "htmx:responseError", "htmx:sendError"].forEach(function (name) {
    document.addEventListener(name, refuse);
  });

  /* An address without the fields that nobody filled in. */
  document.addEventListener("submit", function (event) {
    if (event.target.id !== "filter-form") return;
    event.target.querySelectorAll("input[name]").forEach(function (input) {
      if (!input.value || input.name === "p") input.disabled = true;
    });
  });

  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-runs-reload]")) location.reload();
    if (event.target.closest("[data-live-toggle]")) setTimeout(look);
  });

  ["pointerdown", "keydown", "scroll"].forEach(function (name) {
    addEventListener(name, function () { lastTouched = Date.now(); }, { passive: true, capture: true });
  });
  var tab = document.querySelector(".cx-tab[aria-current]");
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - 24;
  addEventListener("focus", function () { lastTouched = Date.now(); look(); });
  setInterval(look, PERIOD_MS);
})();
