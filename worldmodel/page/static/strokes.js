// Drawings as strokes of points and as steps of a pen; see worldmodel/pen/strokes.py.

// What the pen does after a step's point.
export const DOWN = 0;
export const LIFT = 1;
export const END = 2;

/** Steps [dx, dy, pen] of strokes of [x, y]; the first step goes to the second point. */
export function toSteps(strokes) {
  const kept = strokes.filter((stroke) => stroke.length);
  const points = kept.flatMap((stroke) => {
    return stroke.map(([x, y], at) => [x, y, at === stroke.length - 1 ? LIFT : DOWN]);
  });
  if (points.length === 0) return [];
  points[points.length - 1][2] = END;
  const moves = points.slice(1).map(([x, y, pen], at) => {
    return [x - points[at][0], y - points[at][1], pen];
  });
  if (points.length === 1) return [[0, 0, END]];
  return kept[0].length === 1 ? [[0, 0, LIFT], ...moves] : moves;
}

/** The strokes that steps draw from a place on; `down`: whether the pen is on the paper there. */
export function toStrokes(steps, [x, y] = [0, 0], down = true) {
  const strokes = [];
  let line = down ? [[x, y]] : [];
  for (const [dx, dy, pen] of steps) {
    [x, y] = [x + dx, y + dy];
    if (!line.length || dx !== 0 || dy !== 0 || pen === DOWN) line.push([x, y]);
    if (pen !== DOWN) {
      strokes.push(line);
      line = [];
    }
    if (pen === END) break;
  }
  if (line.length) strokes.push(line);
  return strokes;
}

/** The points without those within `tolerance` of the line between the others (Ramer 1972). */
export function simplify(points, tolerance) {
  const keep = new Set([0, points.length - 1]);
  const spans = [[0, points.length - 1]];
  while (spans.length) {
    const [first, last] = spans.pop();
    let [farthest, most] = [0, tolerance];
    for (let at = first + 1; at < last; at++) {
      const away = distance(points[at], points[first], points[last]);
      if (away > most) [farthest, most] = [at, away];
    }
    if (farthest === 0) continue;
    keep.add(farthest);
    spans.push([first, farthest], [farthest, last]);
  }
  return points.filter((_, at) => keep.has(at));
}

/** Width or height of points, whichever is more. */
export function extentOf(points) {
  const span = (axis) => {
    const values = points.map((point) => point[axis]);
    return Math.max(...values) - Math.min(...values);
  };
  return points.length ? Math.max(span(0), span(1)) : 0;
}

function distance(point, start, end) {
  const [ax, ay] = [end[0] - start[0], end[1] - start[1]];
  const [px, py] = [point[0] - start[0], point[1] - start[1]];
  const length = Math.hypot(ax, ay);
  return length === 0 ? Math.hypot(px, py) : Math.abs(ax * py - ay * px) / length;
}
