// A film of what is on canvases, by the browser's own recorder.

const FILM_SIDE = 512;
const FILM_TYPES = ["video/mp4", "video/webm;codecs=vp9", "video/webm"];

/** The first film type that this browser records, or null. */
export function filmType() {
  if (!window.MediaRecorder || !HTMLCanvasElement.prototype.captureStream) return null;
  return FILM_TYPES.find((type) => MediaRecorder.isTypeSupported(type)) ?? null;
}

/** Records canvases side by side, enlarged, from `start` to `stop`; `draw` adds the present. */
export class Film {
  constructor() {
    this.recorder = null;
    this.pictures = [];
  }

  /** Begins; `done` gets {blob, extension} or, if the recorder fails, null. */
  start(pictures, done) {
    const type = filmType();
    this.pictures = pictures;
    this.canvas = document.createElement("canvas");
    this.canvas.width = FILM_SIDE * pictures.length;
    this.canvas.height = FILM_SIDE;
    this.draw();
    const parts = [];
    const recorder = new MediaRecorder(this.canvas.captureStream(), {
      mimeType: type,
      videoBitsPerSecond: 4e6,
    });
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => {
      const blob = new Blob(parts, { type });
      done(blob.size ? { blob, extension: type.split(/[/;]/)[1] } : null);
    });
    recorder.start(500);
    this.recorder = recorder;
    // A recorder begins with the first change that it sees; the first one may have been too early.
    this.beat = setInterval(() => this.draw(), 200);
  }

  recording() {
    return this.recorder !== null;
  }

  draw() {
    const pen = this.canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    this.pictures.forEach((picture, i) => {
      pen.drawImage(picture, i * FILM_SIDE, 0, FILM_SIDE, FILM_SIDE);
    });
  }

  stop() {
    if (!this.recorder) return;
    clearInterval(this.beat);
    this.recorder.stop();
    for (const track of this.recorder.stream.getTracks()) track.stop();
    this.recorder = null;
  }
}
