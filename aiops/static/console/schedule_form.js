/* The form of a schedule says in words what the chosen cron line means. */
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    var words = document.getElementById("readable-crontabs"), select = document.getElementById("id_crontab");
    if (!words || !select) return;
    var readable = JSON.parse(words.textContent), line = document.createElement("p");
    line.setAttribute("role", "status");
    select.closest(".field-crontab").append(line);
    select.addEventListener("change", function () {
      line.textContent = readable[select.value] ? "In words: " + readable[select.value] : "";
    });
  });
})();
