// The button that records, and the link to what was recorded.

import { el } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { sayStatus } from "./ui_dom.js";
import { Film } from "./ui_film.js";
import { filmType } from "./ui_film.js";

/** Records the canvases that `pictures()` gives; `draw` is called at each new frame. */
export class RecordControl {
  constructor(pictures, filename) {
    this.pictures = pictures;
    this.filename = filename;
    this.film = new Film();
    this.address = null;
    this.button = pushButton("Record", () => this.toggle(), { id: "record" });
    this.place = el("span", { className: "film" });
  }

  toggle() {
    if (this.film.recording()) this.stop();
    else this.start();
  }

  start() {
    if (filmType() === null) {
      sayStatus("This browser cannot record a film: try a current Chrome, Firefox or Safari.");
      return;
    }
    try {
      this.film.start(this.pictures(), (result) => this.done(result));
    } catch (error) {
      sayStatus(`The browser did not record: ${error.message}`);
      return;
    }
    this.show(true);
    this.place.textContent = "Recording";
  }

  draw() {
    if (this.film.recording()) this.film.draw();
  }

  stop() {
    this.film.stop();
    this.show(false);
  }

  show(recording) {
    this.button.textContent = recording ? "Stop" : "Record";
    this.button.dataset.recording = recording ? "1" : "0";
  }

  done(result) {
    this.forget();
    if (!result) {
      sayStatus("Nothing was recorded: let the dream play while it records.");
      this.place.textContent = "";
      return;
    }
    this.address = URL.createObjectURL(result.blob);
    const download = `${this.filename}.${result.extension}`;
    const kilobytes = Math.ceil(result.blob.size / 1e3);
    const size = kilobytes < 1000 ? `${kilobytes} kB` : `${(kilobytes / 1e3).toFixed(1)} MB`;
    const link = el("a", { id: "film", href: this.address, download }, `Save film, ${size}`);
    this.place.replaceChildren(link);
  }

  forget() {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = null;
  }

  close() {
    this.film.stop();
    this.forget();
  }
}
