/* Keys on every page: what unfold lets only a mouse press can be reached, and shortcuts. */
(function () {
  "use strict";

  /* A second key counts for so long. */
  var PAIR_MS = 1200;
  /* Alpine shows what a press opens a moment later. */
  var SHOWN_MS = 50;
  var NATIVE = "a[href], button, input, select, textarea, summary, label";
  /* What a symbol means to those who do not see it. */
  var SAYS = {
    dock_to_right: "Show or hide the sidebar",
    close: "Close",
    expand_more: "Show more of this row",
    more_horiz: "What can be done with this row",
    filter_list: "Filters",
  };
  /* The second key of `g`, and how the link to its page is found. */
  var PAGES = { d: "", i: "/aiops/escalation/", r: "/aiops/run/", f: "/aiops/failuregroup/" };
  var pairSince = 0;

  function words(element) {
    var copy = element.cloneNode(true);
    copy.querySelectorAll(".material-symbols-outlined").forEach(function (icon) { icon.remove(); });
    return copy.classList.contains("material-symbols-outlined") ? "" : copy.textContent.trim();
  }

  function symbol(element) {
    var icon = element.matches(".material-symbols-outlined") ? element : element.querySelector(".material-symbols-outlined");
    return icon ? icon.textContent.trim() : "";
  }

  /* A cell stays a cell: what is pressed is the symbol in it. */
  function pressed(element) {
    return element.matches("td, th") ? element.querySelector(".material-symbols-outlined") : element;
  }

  function repair() {
    document.querySelectorAll("[x-on\\:click]").forEach(function (element) {
      if (element.matches(NATIVE) || element.id === "changelist-filter-close") return;
      var key = pressed(element);
      if (!key || key.dataset.keys) return;
      key.dataset.keys = "1";
      key.tabIndex = 0;
      key.setAttribute("role", "button");
      if (!words(key)) return key.setAttribute("aria-label", SAYS[symbol(key)] || "Open");
      /* A symbol's name is no word. */
      key.querySelectorAll(".material-symbols-outlined").forEach(function (icon) { icon.ariaHidden = "true"; });
    });
  }

  function isTyping(target) {
    return target.isContentEditable || Boolean(target.closest("input, textarea, select, dialog"));
  }

  function go(key) {
    var links = document.querySelectorAll("#nav-sidebar-apps a");
    var found = Array.prototype.find.call(links, function (link) {
      return PAGES[key] ? link.pathname.endsWith(PAGES[key]) : link === links[0];
    });
    if (found) location.assign(found.href);
  }

  function shortcut(event) {
    var key = event.key, isSecond = Date.now() - pairSince < PAIR_MS;
    pairSince = 0;
    if (isSecond && key in PAGES) return go(key);
    if (key === "g") pairSince = Date.now();
    if (key === ".") {
      var live = document.querySelector("[data-live-toggle]");
      if (live) live.click();
    }
    /* Where a list can be searched, unfold itself answers this key. */
    if (key === "/" && !document.getElementById("searchbar")) {
      event.preventDefault();
      window.dispatchEvent(new CustomEvent("opencommand"));
    }
  }

  function enter(sheet) {
    var inside = sheet ? sheet.querySelectorAll("a[href], button, input:not([type=hidden]), select") : [];
    var first = Array.prototype.find.call(inside, function (one) { return one.checkVisibility(); });
    if (first) first.focus();
  }

  function press(element) {
    element.click();
    /* What has slid over the page is gone through next. */
    if (symbol(element) === "filter_list") setTimeout(function () { enter(document.getElementById("changelist-filter")); }, SHOWN_MS);
  }

  document.addEventListener("keydown", function (event) {
    if (event.target.matches("[data-keys]") && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      return press(event.target);
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
    shortcut(event);
  });

  document.addEventListener("DOMContentLoaded", function () {
    repair();
    /* A part of the page that is brought anew does not know of repairs. */
    new MutationObserver(repair).observe(document.body, { childList: true, subtree: true, attributeFilter: ["data-keys"] });
  });
})();
