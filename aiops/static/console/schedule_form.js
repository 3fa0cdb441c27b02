/* The form of a schedule says in words what the chosen cron line means. */
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    var words = document.getElementById("readable-crontabs"), select = document.getElementById("id_crontab");
    var help = document.querySelector(".field-crontab .help"), own = document.querySelector(".field-crontab_translation");
    if (own) own.hidden = true;
    if (!words || !select || !help) return;
    var readable = JSON.parse(words.textContent), line = document.createElement("div");
    help.append(line);
    select.addEventListener("change", function () {
      line.textContent = readable[select.value] ? "In words: " + readable[select.value] : "";
    });
  });
})();
