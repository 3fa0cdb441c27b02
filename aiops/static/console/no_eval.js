/* The shell of every page without `eval`: what the build of Alpine for strict policies cannot read is said in its words. */
(function () {
  "use strict";

  var SIDEBAR = "sidebarDesktopOpen";

  /* What unfold writes in a page, and the same without globals, statements and style attributes. */
  var SAID_AGAIN = [
    /* The body's own watcher keeps it. */
    [/^sidebarDesktopOpen = !sidebarDesktopOpen; localStorage\.setItem\(.*\);$/, "sidebarDesktopOpen = !sidebarDesktopOpen"],
    [/^if \((.+?)\) (selectItem\(.*\))$/, "$1 && $2"],
    [/^activeTab && activeTab !== 'general' \? window\.location.*$/, "formAddress()"],
    [/^'width: ' \+ changeListWidth \+ 'px'$/, "{ width: changeListWidth + 'px' }"]
  ];

  function sayAgain(element) {
    Array.from(element.attributes).forEach(function (attribute) {
      if (!attribute.name.startsWith("x-")) return;
      var found = SAID_AGAIN.find(function (pair) { return pair[0].test(attribute.value.trim()); });
      if (found) element.setAttribute(attribute.name, attribute.value.trim().replace(found[0], found[1]));
    });
  }

  /* What unfold writes as an object beside <body>. */
  function shell(firstTab) {
    return {
      activeTab: firstTab ? window.getCurrentTab() || firstTab : "",
      sidebarMobileOpen: false,
      sidebarDesktopOpen: localStorage.getItem(SIDEBAR) !== "0",
      init: function () {
        this.$watch(SIDEBAR, function (isOpen) { localStorage.setItem(SIDEBAR, isOpen ? "1" : "0"); });
      },
      formAddress: function () {
        var here = location.pathname + location.search;
        return this.activeTab && this.activeTab !== "general" ? here + "#" + this.activeTab : here;
      }
    };
  }

  document.addEventListener("alpine:init", function () {
    var Alpine = window.Alpine;
    Alpine.interceptInit(sayAgain);
    Alpine.data("shell", shell);
    ["theme", "searchForm", "searchDropdown", "searchCommand"].forEach(function (name) {
      Alpine.data(name, window[name]);
    });
  });
})();
