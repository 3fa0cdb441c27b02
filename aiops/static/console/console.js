/* The run page keeps up with its run, and plans open in a dialog. Without it, every link still works. */
(function () {
  "use strict";

  var PERIOD_MS = 5000, IDLE_MS = 15 * 60 * 1000, SWITCH = "cx-live";
  var lastTouched = Date.now(), asking = false;

  function byId(id) { return document.getElementById(id); }
  function isOn() { return localStorage.getItem(SWITCH) !== "off"; }
  function isIdle() { return Date.now() - lastTouched > IDLE_MS; }

  /* A page that moves while somebody reads, types or decides is worse than one that is old. */
  function isBusy() {
    var dialog = byId("cx-dialog");
    return document.hidden || isIdle() || (dialog && dialog.open) ||
      document.querySelector("input:focus, textarea:focus, select:focus, [data-pick]:checked") ||
      String(window.getSelection()).length > 3;
  }

  function say(text) {
    var place = byId("cx-announce");
    if (place && place.textContent !== text) place.textContent = text;
  }

  function paint() {
    var on = isOn() && !isIdle();
    document.querySelectorAll(".cx-live-pill").forEach(function (pill) {
      pill.classList.toggle("off", !on);
      pill.querySelector("[data-live-word]").textContent = on ? "Live" : "Paused";
      pill.querySelector("button").setAttribute("aria-pressed", String(on));
    });
  }

  function morph(old, text) {
    /* What somebody has opened stays open, and what was shown on request stays shown. */
    var callbacks = {
      beforeAttributeUpdated: function (name) { return name !== "open"; },
      beforeNodeMorphed: function (node) { return !(node.matches && node.matches("[data-keep]")); }
    };
    window.Idiomorph.morph(old, text.trim(), { morphStyle: "outerHTML", callbacks: callbacks });
    paint();
  }

  function told(answer) {
    if (answer.redirected || answer.status === 403) return "You are signed out, or may not see this page any more. Sign in again.";
    if (answer.status === 404) return "What this page is about is not there any more.";
    return "The console could not reach the server. What you see may be old.";
  }

  function look() {
    var live = byId("cx-live");
    if (!live || asking || !isOn() || isBusy()) return;
    asking = true;
    fetch(live.dataset.live, { headers: { "X-Requested-With": "XMLHttpRequest" } }).then(function (answer) {
      if (answer.status === 204) return say("");
      if (answer.status !== 200 || answer.redirected) return say(told(answer));
      return answer.text().then(function (text) {
        say("");
        /* Somebody may have begun to do something meanwhile. */
        if (!isBusy()) morph(byId("cx-live"), text);
      });
    }).catch(function () {
      say("The console could not reach the server. What you see may be old.");
    }).finally(function () { asking = false; });
  }

  function centre() {
    var box = byId("cx-graph-box");
    var node = box && box.querySelector(".s-failed, .s-attention, .s-running, .s-retrying, .s-waiting, .s-queued");
    if (!node || box.scrollWidth <= box.clientWidth) return;
    var a = node.getBoundingClientRect(), b = box.getBoundingClientRect();
    box.scrollLeft += a.left - b.left - (b.width - a.width) / 2;
  }

  /* Plans: GET changes nothing, so a link may be looked at in a dialog. */
  function show(answer) {
    if (answer.headers.get("HX-Redirect")) return location.assign(answer.headers.get("HX-Redirect"));
    /* A page that is not a plan (a sign-in, an error) is shown as a page. */
    return answer.text().then(function (text) {
      var page = new DOMParser().parseFromString(text, "text/html");
      var plan = page.getElementById("cx-plan");
      if (!plan) return location.assign(answer.url);
      byId("cx-dialog-body").replaceChildren(plan);
      var dialog = byId("cx-dialog");
      if (!dialog.open) dialog.showModal();
    });
  }

  function open(url) {
    fetch(url, { headers: { "HX-Request": "true" } }).then(show).catch(function () { location.assign(url); });
  }

  function send(form, button) {
    var options = { method: "POST", body: new FormData(form, button), headers: { "HX-Request": "true" } };
    if (button) button.disabled = true;
    fetch(form.action, options).then(show).catch(function () {
      if (button) button.disabled = false;
      byId("cx-dialog").close();
      say("The console could not reach the server. Nothing is known to have been changed: look again before you repeat it.");
    });
  }

  document.addEventListener("click", function (event) {
    var target = event.target.closest("[data-live-toggle], [data-close], [data-copy], [data-plan], [aria-disabled=true]");
    if (!target) return;
    if (target.matches("[aria-disabled=true]")) return event.preventDefault();
    if (target.matches("[data-copy]")) {
      if (navigator.clipboard) navigator.clipboard.writeText(target.dataset.copy).then(function () { say("Copied."); });
      return;
    }
    if (target.matches("[data-live-toggle]")) {
      localStorage.setItem(SWITCH, isOn() ? "off" : "on");
      paint();
      return look();
    }
    var dialog = byId("cx-dialog");
    if (!dialog) return;
    if (target.matches("[data-close]") && dialog.open) {
      event.preventDefault();
      return dialog.close();
    }
    if (target.matches("[data-plan]") && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) {
      event.preventDefault();
      open(target.href);
    }
  });

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.closest("#cx-dialog")) return;
    event.preventDefault();
    send(form, event.submitter);
  });

  ["pointerdown", "keydown", "scroll"].forEach(function (name) {
    addEventListener(name, function () { lastTouched = Date.now(); }, { passive: true, capture: true });
  });
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", function () { lastTouched = Date.now(); look(); });
  setInterval(function () { paint(); look(); }, PERIOD_MS);
  paint();
  centre();
})();
